/* A TFLite delegate that does nothing, built by the tests: ABSENT answers like a library without
   its accelerator, CRASHES like one built for another runtime.
   The layout is TfLiteDelegate of tensorflow/lite/core/c/common.h. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Delegate {
  void *data;
  int (*prepare)(void *context, struct Delegate *delegate);
  int (*copy_from)(void *, struct Delegate *, int, void *);
  int (*copy_to)(void *, struct Delegate *, int, void *);
  void (*free_handle)(void *, struct Delegate *, int *);
  int64_t flags;
  void *opaque;
} Delegate;

static int prepare(void *context, struct Delegate *delegate) {
#ifdef CRASHES
  raise(SIGSEGV);
#endif
  return 0;
}

static Delegate nothing = {.prepare = prepare, .flags = 1};

void *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                    void (*report)(const char *)) {
#ifdef ABSENT
  report("no device found");
  return NULL;
#endif
  return &nothing;
}

void tflite_plugin_destroy_delegate(void *delegate) {}
