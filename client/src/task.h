// SPDX-License-Identifier: Apache-2.0
// This process as a task: whether it is attached to a daemon, and the lanes of its threads. The C interface
// has no handle to hang this on, so there is one Task per process, made on first use and never destroyed
// (threads may still be in calls while the process exits).
//
// States
//   unattached  no daemon was found yet; each use looks again
//   attached    the main connection is open
//   gone        the daemon has ended: for good, a process does not attach to another one (the rights it
//               held are lost, and it would not notice)
//   event            unattached   attached              gone
//   use              attach       -                     -
//   daemon gone      -            gone                  -
//   fork (in child)  -            unattached            unattached (a new task)
// A child inherits (proto/local/frame.h): the fork asks for the handle before, the first use in the child claims it.
//
// Threads: any. The mutex guards everything but the inside of a lane, which belongs to its thread.
#pragma once

#include <mach/port.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "client/src/lane.h"
#include "client/src/main_connection.h"
#include "client/src/own_memory.h"
#include "client/src/watches.h"

namespace netmsg::client {

// How far a call came.
enum class Reach {
  kOk,
  kNoDaemon,     // never attached
  kGone,         // the daemon had ended before the call
  kLost,         // the daemon ended during the call
  kNoResources,  // no lane to be had: descriptors, memory, or the limit of lanes
};

// What the library keeps for a thread that has made a call.
struct ThreadState {
  explicit ThreadState(const OwnMemory::Common& common) : own(common) {}
  const OwnMemory own;
  std::unique_ptr<Lane> lane;
  SentMemory memory;                        // of the message that it sends
  std::unique_ptr<Batch> batch;             // from the first netmsg_msgv on
  mach_port_t reply_port = MACH_PORT_NULL;  // from the first RPC until the thread ends or the port fails
  bool reply_awaited = false;               // mach_msg receives from it, or did when a longjmp left it
  ThreadState* next = nullptr;
};

class Task {
 public:
  static Task& current();

  // Attaches if unattached; tells whether the task is attached.
  bool attach() { return attached_.load(std::memory_order_acquire) || attach_slowly(); }
  bool gone();

  // A descriptor of what a program that this process starts is to inherit, open on exec; -1: it is what every task gets.
  Reach open_inheritance(int* descriptor);

  // The calling thread's state, made on first use; null if there is no memory for it.
  ThreadState* this_thread();

  // Runs `call(Lane&) -> Lane::Outcome` on the calling thread's lane, once, or once more if the lane turned
  // out to be broken before anything was asked.
  template <typename LaneCall>
  Reach run(LaneCall call) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      Lane* lane = nullptr;
      if (const Reach reach = ready_lane(&lane); reach != Reach::kOk) return reach;
      const Lane::Outcome outcome = call(*lane);
      if (outcome != Lane::Outcome::kNotSent)
        return outcome == Lane::Outcome::kOk ? Reach::kOk : Reach::kLost;
    }
    return Reach::kGone;
  }

  // A descriptor that tells of messages (netmsg_port_descriptor); KERN_SUCCESS, what the daemon says, or
  // KERN_RESOURCE_SHORTAGE, KERN_FAILURE, KERN_INVALID_TASK.
  kern_return_t open_watch(mach_port_name_t name, int* descriptor);
  // A receive has been told that nothing is left (local::MachMsgDone).
  void answered(std::uint32_t watch, std::uint32_t signal);

  // Largest message, header included; 0 while unattached.
  std::uint32_t inline_max() const { return inline_max_.load(std::memory_order_relaxed); }
  // Most out-of-line bytes of one message; 0 while unattached.
  std::uint32_t memory_max() const { return memory_max_.load(std::memory_order_relaxed); }

 private:
  enum class Standing { kUnattached, kAttached, kGone };

  Task();
  bool attach_slowly();
  Reach ready_lane(Lane** lane);
  Reach open_lane(ThreadState& thread);
  std::optional<Reach> try_lane(ThreadState& thread, int* answers);
  bool attach_locked();
  static void set_port_variables(const local::Inherited& ports);
  Reach reach_of(MainConnection::Result result);
  void daemon_gone();
  void before_fork();
  void in_parent();
  void in_child();
  void thread_ends(ThreadState* thread);
  void unlink(ThreadState* thread);

  const OwnMemory::Common own_memory_ = OwnMemory::Common::now();
  std::mutex mutex_;
  Standing standing_ = Standing::kUnattached;
  std::atomic<bool> attached_{false};  // standing_ is kAttached; changes under the mutex
  std::optional<MainConnection> main_;
  Watches watches_;
  std::optional<Inheritance> inheritance_;           // to be claimed, while unattached
  std::optional<MainConnection::Legacy> for_child_;  // during a fork, if the task is attached
  ThreadState* threads_ = nullptr;                   // all, for the child of a fork
  pthread_key_t thread_key_{};
  std::atomic<std::uint32_t> inline_max_{0};
  std::atomic<std::uint32_t> memory_max_{0};
};

}  // namespace netmsg::client
