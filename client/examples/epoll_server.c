/* SPDX-License-Identifier: Apache-2.0 */
/* One loop for messages and for everything else: adds up the numbers it is sent (hello_client.c sends some), says each
 * second how many there were, and ends on SIGTERM. */
#include <mach.h>
#include <netmsg.h>
#include <servers/netname.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct number {
  mach_msg_header_t head;
  mach_msg_type_t type;
  int value;
};

static int sum, count;

/* Until there is nothing more: the descriptor is readable again for what comes later. */
static void serve(mach_port_t service) {
  struct number message;
  while (mach_msg(&message.head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof message, service, 0,
                  MACH_PORT_NULL) == MACH_MSG_SUCCESS) {
    message.value = sum += message.value;
    ++count;
    message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSGH_BITS_REMOTE(message.head.msgh_bits), 0);
    message.head.msgh_local_port = MACH_PORT_NULL;
    /* Timeout 0: a client that does not take its reply must not stop the loop. */
    if (mach_msg(&message.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, MACH_PORT_NULL, 0,
                 MACH_PORT_NULL) != MACH_MSG_SUCCESS)
      mach_msg_destroy(&message.head);
  }
}

static void say(int timer) {
  unsigned long long times;
  if (read(timer, &times, sizeof times) > 0) printf("%d numbers\n", count);
  fflush(stdout);
}

static int add(int loop, int fd) {
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
  return fd < 0 ? -1 : epoll_ctl(loop, EPOLL_CTL_ADD, fd, &interest);
}

int main(void) {
  const struct itimerspec second = {{1, 0}, {1, 0}};
  struct epoll_event event;
  sigset_t stop;
  mach_port_t service;
  int messages = -1, loop = epoll_create1(EPOLL_CLOEXEC),
      timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, NULL);
  netname_wait_for_server();
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service);
  if (kr == KERN_SUCCESS) kr = netname_check_in(name_server_port, "hello", mach_task_self(), service);
  if (kr == KERN_SUCCESS) kr = netmsg_port_descriptor(service, &messages);
  timerfd_settime(timer, 0, &second, NULL);
  const int ready =
      add(loop, messages) == 0 && add(loop, timer) == 0 && add(loop, signalfd(-1, &stop, SFD_CLOEXEC)) == 0;
  if (kr != KERN_SUCCESS || !ready) return printf("server: %s\n", mach_error_string(kr)), 1;
  while (epoll_wait(loop, &event, 1, -1) == 1 && (event.events & EPOLLHUP) == 0) {
    if (event.data.fd == messages)
      serve(service);
    else if (event.data.fd == timer)
      say(timer);
    else
      return printf("%d numbers, sum %d\n", count, sum), 0; /* SIGTERM */
  }
  return printf("the daemon is gone\n"), 1;
}
