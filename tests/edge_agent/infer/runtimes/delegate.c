/* A TFLite delegate that does nothing, built by the tests: ABSENT answers like a library without
   its accelerator, CRASHES like one built for another runtime, EXCLUSIVE like an accelerator that
   one process has at a time (a lock on the file HELD).
   The layout is TfLiteDelegate of tensorflow/lite/core/c/common.h. */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

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

#ifdef EXCLUSIVE
static int held = -1, users = 0;

static int take(void) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  if (users == 0) held = open(HELD, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (held < 0 || fcntl(held, F_SETLK, &whole) < 0) return 0;
  return ++users;
}
#endif

static Delegate nothing = {.prepare = prepare, .flags = 1};

void *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                    void (*report)(const char *)) {
#ifdef ABSENT
  report("no device found");
  return NULL;
#endif
#ifdef EXCLUSIVE
  if (!take()) {
    report("opening a node held by another process");
    return NULL;
  }
#endif
  return &nothing;
}

void tflite_plugin_destroy_delegate(void *delegate) {
#ifdef EXCLUSIVE
  if (--users == 0) close(held);
#endif
}
