// SPDX-License-Identifier: Apache-2.0
#include "client/src/task.h"

#include <mach/mach_init.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>

#include "client/src/export.h"
#include "client/src/guards.h"
#include "client/src/mach_calls.h"
#include "client/src/maps_file.h"
#include "client/src/region_table.h"

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

// Until there is something at `fd`, a handler has run, or the turn is over; a number that has come to mean something
// else costs a turn. No cancellation point, as the C library's ppoll is one.
void wait_a_turn(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  timespec turn{0, kLaneTurnMs * 1'000'000L};
  ::syscall(SYS_ppoll, &waiting, 1, &turn, nullptr, 0);
}

}  // namespace

Task& Task::current() {
  static Task* const task = new Task;
  return *task;
}

Task::Task() : inheritance_(Inheritance::from_environment()) {
  pthread_key_create(&thread_key_,
                     [](void* thread) { current().thread_ends(static_cast<ThreadState*>(thread)); });
  pthread_atfork([] { current().before_fork(); }, [] { current().in_parent(); },
                 [] { current().in_child(); });
}

bool Task::attach_slowly() {
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
  main_ = MainConnection::open(socket_path(), inheritance_);
  if (main_) standing_ = Standing::kAttached;
  if (main_) inheritance_.reset();
  mach_task_self_ = main_ ? main_->welcome().task_port : MACH_PORT_NULL;
  mach_host_self_ = main_ ? main_->welcome().host_port : MACH_PORT_NULL;
  set_port_variables(main_ ? main_->ports() : local::Inherited{});
  inline_max_ = main_ ? main_->welcome().inline_max : 0;
  memory_max_ = main_ ? main_->welcome().memory_max : 0;
  attached_.store(standing_ == Standing::kAttached, std::memory_order_release);
  return standing_ == Standing::kAttached;
}

void Task::set_port_variables(const local::Inherited& ports) {
  name_server_port = ports.names[0];
  environment_port = ports.names[1];
  service_port = ports.names[2];
  bootstrap_port = ports.names[3];
}

// A child that has not been attached yet passes on what it was left itself.
Reach Task::open_inheritance(int* descriptor) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  std::optional<Inheritance> made;
  if (!inheritance_) {
    if (!attach_locked()) return standing_ == Standing::kGone ? Reach::kGone : Reach::kNoDaemon;
    MainConnection::Legacy legacy = main_->open_inheritance();
    if (const Reach reach = reach_of(legacy.result); reach != Reach::kOk) return reach;
    made = std::move(legacy.inheritance);
  }
  const std::optional<Inheritance>& source = inheritance_ ? inheritance_ : made;
  *descriptor = source ? source->copy() : -1;
  return source && *descriptor < 0 ? Reach::kNoResources : Reach::kOk;
}

Reach Task::reach_of(MainConnection::Result result) {
  switch (result) {
    case MainConnection::Result::kOk:
      return Reach::kOk;
    case MainConnection::Result::kLate:
    case MainConnection::Result::kNoResources:
      return Reach::kNoResources;
    case MainConnection::Result::kDaemonGone:
      daemon_gone();
      return Reach::kGone;
  }
  return Reach::kGone;
}

ThreadState* Task::this_thread() {
  if (void* const thread = pthread_getspecific(thread_key_)) return static_cast<ThreadState*>(thread);
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  std::unique_ptr<ThreadState> thread(new (std::nothrow) ThreadState(own_memory_));
  if (thread == nullptr || pthread_setspecific(thread_key_, thread.get()) != 0) return nullptr;
  thread->next = threads_;
  threads_ = thread.release();
  return threads_;
}

Reach Task::ready_lane(Lane** lane) {
  ThreadState* const thread = this_thread();
  if (thread == nullptr) return Reach::kNoResources;
  if (thread->lane == nullptr || !thread->lane->recover()) {
    if (const Reach reach = open_lane(*thread); reach != Reach::kOk) return reach;
  }
  *lane = thread->lane.get();
  return Reach::kOk;
}

// A daemon that has stopped is waited for as in any call, but in turns: a fork needs the mutex, too. Handlers run
// between them.
Reach Task::open_lane(ThreadState& thread) {
  int answers = -1;
  for (;;) {
    if (const std::optional<Reach> reach = try_lane(thread, &answers)) return *reach;
    wait_a_turn(answers);
  }
}

// Nothing: the daemon has not answered yet.
std::optional<Reach> Task::try_lane(ThreadState& thread, int* answers) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);  // also around the change of thread.lane: a fork must find it whole
  thread.lane.reset();
  if (!attach_locked()) return standing_ == Standing::kGone ? Reach::kGone : Reach::kNoDaemon;
  MainConnection::LaneEnds ends;
  const MainConnection::Result result = main_->open_lane(&ends);
  *answers = main_->answers();
  if (result == MainConnection::Result::kLate) return std::nullopt;
  if (const Reach reach = reach_of(result); reach != Reach::kOk) return reach;
  thread.lane.reset(new (std::nothrow) Lane(std::move(ends.socket), RingMemory(std::move(ends.rings))));
  if (thread.lane == nullptr) return Reach::kNoResources;
  const bool refused =
      MainConnection::lane_kind() == MainConnection::LaneKind::kRing && !thread.lane->has_rings();
  if (refused) thread.lane.reset();
  return refused ? Reach::kNoResources : Reach::kOk;
}

kern_return_t Task::open_watch(mach_port_name_t name, int* descriptor) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  if (!attach_locked()) return standing_ == Standing::kGone ? KERN_INVALID_TASK : KERN_FAILURE;
  local::WatchOpened opened{};
  Descriptor watch;
  const Reach reach = reach_of(main_->open_watch(name, &opened, &watch));
  if (reach != Reach::kOk) return reach == Reach::kGone ? KERN_INVALID_TASK : KERN_RESOURCE_SHORTAGE;
  if (opened.code != KERN_SUCCESS) return static_cast<kern_return_t>(opened.code);
  watches_.add(opened.watch, watch.fd());
  *descriptor = watch.release();
  return KERN_SUCCESS;
}

void Task::answered(std::uint32_t watch, std::uint32_t signal) {
  const QuietSection quiet;
  const std::lock_guard lock(mutex_);
  watches_.answered(watch, signal);
}

void Task::daemon_gone() {
  standing_ = Standing::kGone;
  attached_.store(false, std::memory_order_release);
  main_.reset();
}

// What goes wrong with the inheritance here costs the child its inheritance, and nobody anything else.
void Task::before_fork() {
  const ErrnoGuard errno_guard;
  const QuietSection quiet;
  RegionTable::current().before_fork();
  mutex_.lock();
  if (standing_ != Standing::kAttached) return;
  for_child_ = main_->open_inheritance();
  reach_of(for_child_->result);
}
void Task::in_parent() {
  const ErrnoGuard errno_guard;
  const QuietSection quiet;
  for_child_.reset();
  mutex_.unlock();
  RegionTable::current().after_fork();
}

// The child is a new task that has what it inherits; it attaches on first use. Until then the variables say what that
// will find: the names of the task's own port and the host's are the same in every space of a daemon. What other threads
// kept is left alone but for the lane, which changes under the mutex only: they may have been in the middle of a change.
void Task::in_child() {
  const ErrnoGuard errno_guard;
  const QuietSection quiet;
  const void* const own = pthread_getspecific(thread_key_);
  while (threads_ != nullptr) {
    ThreadState* const thread = threads_;
    threads_ = thread->next;
    if (thread->lane != nullptr) thread->lane->forget();
    if (thread == own) delete thread;
  }
  pthread_setspecific(thread_key_, nullptr);
  if (main_) main_->forget();
  MapsFile::current().forget();
  watches_.forget();
  main_.reset();
  standing_ = Standing::kUnattached;
  attached_.store(false, std::memory_order_release);
  if (for_child_) {
    set_port_variables(for_child_->ports);
    inheritance_ = std::move(for_child_->inheritance);
    for_child_.reset();
  }
  mutex_.unlock();
  RegionTable::current().after_fork();
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
