// SPDX-License-Identifier: Apache-2.0
// The open windows of ring lanes (proto/local/ring.h, "The window"): each is closed, and its pages are given back, when it
// was not used for a while. There is a timer as long as one is open.
//
//   a member   event                             next      action
//   closed     open(), and there is room         open      counted against its user
//              open(), and there is none         closed
//   open       used()                            open
//              not used from tick to tick, and   leaving   its user's thread gives the pages back
//              close_window() agrees
//   leaving    the pages are given back          closed    found at a tick; not counted any more
//   any        leave()                           closed
//
// Owner: the active lanes; the timer shares it. Owner thread only.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <vector>

#include "daemon/session/ring_memory.h"
#include "daemon/session/users.h"

namespace netmsg::session {

class Windows : public std::enable_shared_from_this<Windows> {
 public:
  static constexpr std::chrono::milliseconds kTick{500};

  class Member {
   public:
    virtual ~Member() = default;
    bool window_is_open() const { return state_ == State::kOpen; }

   private:
    friend class Windows;
    enum class State { kClosed, kOpen, kLeaving };
    // Nobody uses it from now on. False: somebody does.
    virtual bool close_window() = 0;
    virtual std::shared_ptr<const RingMemory> memory() const = 0;

    State state_ = State::kClosed;
    bool used_ = false;  // since the last tick
    User* user_ = nullptr;
    WindowSlots slots_;
    std::weak_ptr<const void> being_given_back_;  // while leaving
  };

  explicit Windows(asio::io_context& io) : timer_(io) {}

  // True: it is open now, and was not before. The member leaves before it is destroyed.
  bool open(Member& member, User& user, Users& users);
  void used(Member& member) { member.used_ = true; }
  // Idempotent.
  void leave(Member& member);

 private:
  void wait();
  void tick();
  void look_at(Member& member);
  void give_back(Member& member);
  static void forget(Member& member);

  asio::steady_timer timer_;
  std::vector<Member*> members_;  // open or leaving
};

}  // namespace netmsg::session
