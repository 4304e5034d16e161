/* SPDX-License-Identifier: Apache-2.0 */
/* hello_server.c in an event loop: serves its port, and ends with a word when it is told to by SIGTERM. */
#define _POSIX_C_SOURCE 200809L /* sigprocmask */
#include <mach.h>
#include <mach/mig_support.h>
#include <netmsg.h>
#include <servers/netname.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum { ADD = 100 };

struct request {
  mach_msg_header_t head;
  mach_msg_type_t type;
  unsigned number;
};
struct reply {
  mig_reply_header_t result;
  mach_msg_type_t type;
  unsigned sum;
};

static unsigned sum;

static boolean_t serve(mach_msg_header_t* head, mach_msg_header_t* reply_head) {
  const mach_msg_type_t number_type = {MACH_MSG_TYPE_INTEGER_32, 32, 0, 1, 0, 0, 1};
  const struct request* request = (const struct request*)head;
  struct reply* reply = (struct reply*)reply_head;
  mig_reply_setup(head, reply_head);
  /* A loop must not wait for one client: a reply to a send-once right never blocks, one to a send right can. */
  if (MACH_MSGH_BITS_REMOTE(head->msgh_bits) == MACH_MSG_TYPE_PORT_SEND) {
    mach_msg_destroy(head);
    reply->result.RetCode = MIG_NO_REPLY;
    return TRUE;
  }
  if (head->msgh_id != ADD) return FALSE;
  reply->result.RetCode = MIG_BAD_ARGUMENTS;
  if (head->msgh_size != sizeof *request || memcmp(&request->type, &number_type, sizeof number_type) != 0)
    return TRUE;
  reply->result.RetCode = KERN_SUCCESS;
  reply->result.Head.msgh_size = sizeof *reply;
  reply->type = number_type;
  reply->sum = sum += request->number;
  return TRUE;
}

static int add(int loop, int fd) {
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &interest);
}

int main(void) {
  struct epoll_event event;
  sigset_t stop;
  mach_port_t service;
  int messages = -1, loop = epoll_create1(EPOLL_CLOEXEC);
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, NULL);
  int signals = signalfd(-1, &stop, SFD_CLOEXEC);
  netname_wait_for_server();
  kern_return_t kr = mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &service);
  if (kr == KERN_SUCCESS) kr = netmsg_port_descriptor(service, &messages);
  if (kr == KERN_SUCCESS) kr = netname_check_in(name_server_port, "hello", mach_task_self(), service);
  if (kr == KERN_SUCCESS && (add(loop, messages) != 0 || add(loop, signals) != 0)) kr = KERN_FAILURE;
  while (kr == KERN_SUCCESS && epoll_wait(loop, &event, 1, -1) == 1) {
    if (event.data.fd == signals) return printf("server: the sum was %u\n", sum), 0;
    /* Whatever is there; then back to the loop. */
    kr = mach_msg_server_timeout(serve, 0, service, MACH_RCV_TIMEOUT, 0);
    if (kr == MACH_RCV_TIMED_OUT) kr = KERN_SUCCESS;
  }
  printf("server: %s\n", mach_error_string(kr));
  return 1;
}
