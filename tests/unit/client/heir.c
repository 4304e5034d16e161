/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the tests that is started by exec. Its argument says what it does; it exits with 0 if that went well, else
 * with the number of the line that did not. */
#include <errno.h>
#include <fcntl.h>
#include <mach.h>
#include <mach/task_special_ports.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                      \
  do {                                        \
    if (!(condition)) _exit(__LINE__ & 0xff); \
  } while (0)

static mach_port_t early;

/* Before the library's own beginning. */
__attribute__((constructor(101))) static void call_early(void) {
  early = mach_reply_port();
}

static mach_msg_return_t tell(mach_port_t port, mach_msg_id_t id) {
  mach_msg_header_t message = {0};
  message.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, 0);
  message.msgh_remote_port = port;
  message.msgh_id = id;
  return mach_msg(&message, MACH_SEND_MSG, sizeof message, 0, MACH_PORT_NULL, 0, MACH_PORT_NULL);
}

static mach_msg_return_t receive(mach_port_t port) {
  mach_msg_header_t message;
  return mach_msg(&message, MACH_RCV_MSG, 0, sizeof message, port, 0, MACH_PORT_NULL);
}

/* heir inherits ID: the bootstrap port is there, is the task's, and takes a message; the descriptor is closed. */
static void inherits(const char* id) {
  mach_port_t port = MACH_PORT_NULL;
  CHECK(bootstrap_port != MACH_PORT_NULL);
  CHECK(task_get_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, &port) == KERN_SUCCESS);
  CHECK(port == bootstrap_port);
  CHECK(fcntl(atoi(getenv("NETMSG_INHERIT")), F_GETFD) == -1 && errno == EBADF);
  CHECK(tell(bootstrap_port, atoi(id)) == MACH_MSG_SUCCESS);
}

/* heir nothing FD: there is nothing, and the descriptor, which is the program's, is as it was. */
static void inherits_nothing(const char* fd) {
  mach_port_t port = 1;
  CHECK(task_get_special_port(mach_task_self(), TASK_BOOTSTRAP_PORT, &port) == KERN_SUCCESS);
  CHECK(port == MACH_PORT_NULL && bootstrap_port == MACH_PORT_NULL && environment_port == MACH_PORT_NULL);
  CHECK(fcntl(atoi(fd), F_GETFD) == 0);
}

static void* go_on_alone(void* main_thread) {
  CHECK(pthread_join(*(pthread_t*)main_thread, NULL) == 0);
  const mach_port_t port = mach_reply_port();
  CHECK(port != MACH_PORT_NULL);
  CHECK(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND) == KERN_SUCCESS);
  CHECK(tell(port, 1) == MACH_MSG_SUCCESS && receive(port) == MACH_MSG_SUCCESS);
  exit(0);
}

/* heir leave: the main thread ends, after calls of its own, while another goes on. */
static void leave(void) {
  static pthread_t main_thread;
  pthread_t other;
  main_thread = pthread_self();
  CHECK(mach_reply_port() != MACH_PORT_NULL);
  CHECK(pthread_create(&other, NULL, go_on_alone, &main_thread) == 0);
  pthread_exit(NULL);
}

static void* receive_for_ever(void* port) {
  receive(*(mach_port_t*)port);
  return NULL;
}

/* heir exit: main returns while other threads are in calls. */
static void exit_with_threads(void) {
  static mach_port_t port;
  pthread_t thread;
  port = mach_reply_port();
  for (int i = 0; i < 8; ++i) CHECK(pthread_create(&thread, NULL, receive_for_ever, &port) == 0);
}

int main(int argc, char** argv) {
  CHECK(argc > 1);
  CHECK(early != MACH_PORT_NULL);
  if (strcmp(argv[1], "inherits") == 0) inherits(argv[2]);
  if (strcmp(argv[1], "nothing") == 0) inherits_nothing(argv[2]);
  if (strcmp(argv[1], "leave") == 0) leave();
  if (strcmp(argv[1], "exit") == 0) exit_with_threads();
  return 0;
}
