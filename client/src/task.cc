// SPDX-License-Identifier: Apache-2.0
#include "client/src/task.h"

#include <mach/mach_init.h>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/mach_calls.h"

extern "C" {
NETMSG_EXPORT mach_port_t mach_task_self_ = MACH_PORT_NULL;
NETMSG_EXPORT mach_port_t mach_host_self_ = MACH_PORT_NULL;
NETMSG_EXPORT mach_port_t name_server_port = MACH_PORT_NULL;
NETMSG_EXPORT mach_port_t environment_port = MACH_PORT_NULL;
NETMSG_EXPORT mach_port_t service_port = MACH_PORT_NULL;
NETMSG_EXPORT mach_port_t bootstrap_port = MACH_PORT_NULL;
}

namespace netmsg::client {

namespace {

// Before main, so that mach_task_self() and its like, which are variables, are set when it begins.
__attribute__((constructor)) void attach_at_start() {
  const ErrnoGuard errno_guard;
  Task::current().attach();
}

}  // namespace

Task& Task::current() {
  static Task* const task = new Task;
  return *task;
}

Task::Task() {
  pthread_key_create(&thread_key_,
                     [](void* thread) { current().thread_ends(static_cast<ThreadState*>(thread)); });
  pthread_atfork([] { current().before_fork(); }, [] { current().in_parent(); },
                 [] { current().in_child(); });
}

bool Task::attach() {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  return attach_locked();
}

bool Task::gone() {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  return standing_ == Standing::kGone;
}

bool Task::attach_locked() {
  if (standing_ != Standing::kUnattached) return standing_ == Standing::kAttached;
  main_ = MainConnection::open(socket_path());
  if (main_) standing_ = Standing::kAttached;
  mach_task_self_ = main_ ? main_->welcome().task_port : MACH_PORT_NULL;
  mach_host_self_ = main_ ? main_->welcome().host_port : MACH_PORT_NULL;
  name_server_port = main_ ? main_->welcome().name_service : MACH_PORT_NULL;
  inline_max_ = main_ ? main_->welcome().inline_max : 0;
  memory_max_ = main_ ? main_->welcome().memory_max : 0;
  return standing_ == Standing::kAttached;
}

ThreadState& Task::this_thread() {
  auto* thread = static_cast<ThreadState*>(pthread_getspecific(thread_key_));
  if (thread != nullptr) return *thread;
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  thread = new ThreadState;
  thread->next = threads_;
  threads_ = thread;
  pthread_setspecific(thread_key_, thread);
  return *thread;
}

Reach Task::ready_lane(Lane** lane) {
  ThreadState& thread = this_thread();
  if (thread.lane == nullptr || !thread.lane->recover()) {
    if (const Reach reach = open_lane(thread); reach != Reach::kOk) return reach;
  }
  *lane = thread.lane.get();
  return Reach::kOk;
}

Reach Task::open_lane(ThreadState& thread) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);  // also around the change of thread.lane: a fork must find it whole
  thread.lane.reset();
  if (!attach_locked()) return standing_ == Standing::kGone ? Reach::kGone : Reach::kNoDaemon;
  Descriptor socket;
  switch (main_->open_lane(&socket)) {
    case MainConnection::LaneResult::kOk:
      break;
    case MainConnection::LaneResult::kNoResources:
      return Reach::kNoResources;
    case MainConnection::LaneResult::kDaemonGone:
      daemon_gone();
      return Reach::kGone;
  }
  thread.lane = std::make_unique<Lane>(std::move(socket));
  return Reach::kOk;
}

void Task::daemon_gone() {
  standing_ = Standing::kGone;
  main_.reset();
}

void Task::before_fork() {
  mutex_.lock();
}
void Task::in_parent() {
  mutex_.unlock();
}

// The child is a new task without rights; it attaches on first use. mach_task_self_, mach_host_self_ and
// name_server_port keep their values: the names are the same in every space of a daemon, and the first use sets
// them anew. What other threads kept is left alone but for the lane, which changes under the mutex only: they may
// have been in the middle of a change.
void Task::in_child() {
  const void* const own = pthread_getspecific(thread_key_);
  while (threads_ != nullptr) {
    ThreadState* const thread = threads_;
    threads_ = thread->next;
    if (thread->lane != nullptr) thread->lane->forget();
    if (thread == own) delete thread;
  }
  pthread_setspecific(thread_key_, nullptr);
  if (main_) main_->forget();
  main_.reset();
  standing_ = Standing::kUnattached;
  mutex_.unlock();
}

void Task::thread_ends(ThreadState* thread) {
  pthread_setspecific(thread_key_, thread);  // the destructor's own call needs the lane
  if (thread->reply_port != MACH_PORT_NULL) drop_receive_right(thread->reply_port);
  pthread_setspecific(thread_key_, nullptr);
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  unlink(thread);
  delete thread;
}

void Task::unlink(ThreadState* thread) {
  ThreadState** link = &threads_;
  while (*link != thread) link = &(*link)->next;
  *link = thread->next;
}

}  // namespace netmsg::client
