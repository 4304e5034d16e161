// SPDX-License-Identifier: Apache-2.0
// The ring lanes that the daemon looks at (proto/local/ring.h, "Waiting"). A lane is active as long as something comes
// through it; others cost nothing: they ring. While there are active lanes, turns of the event loop look at them and
// give up the processor in between; when nothing has come for some time (patience.h), all are parked, and the loop sleeps.
//
//   a member    event                                  next      action
//   parked      join(): a bell, an answer to it        active    a turn is posted, if none is
//   active      something was there                    active
//               ... that has to wait for its answer    parked    by itself; join() before the answer
//               nothing was in kBusyRoundsMax rounds,  parked    park()
//               in which others had something
//               patience has come to its end          parked    park()
//               park() finds something                 active
//   any         leave()                                -
//
// Clients are woken at the end of a round, when all that is ready has been done. Owner: the listener; the turns that are
// posted share it. Owner thread only.
#pragma once

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/session/windows.h"
#include "proto/local/patience.h"

namespace netmsg::session {

class ActiveLanes : public std::enable_shared_from_this<ActiveLanes> {
 public:
  static constexpr int kRoundsPerTurn = 32;  // then the loop's other work has its turn
  static constexpr unsigned kBusyRoundsMax = 128;

  class Member {
   public:
    virtual ~Member() = default;
    // Takes what is there, some of it; false: nothing was.
    virtual bool look() = 0;
    // Tells the client to ring from now on. False: something has come meanwhile, and it has not been told.
    virtual bool park() = 0;
    // Wakes the client if it sleeps.
    virtual void ring() = 0;
    // For how long it is worth waiting awake for what comes through it next.
    virtual std::chrono::microseconds awake() const { return local::Patience::kAwake; }

   protected:
    // Until the end of the round. Who leaves before is not rung.
    bool is_owed_ring() const { return owed_ring_; }

   private:
    friend class ActiveLanes;
    bool active_ = false;
    std::size_t place_ = 0;  // among the members, while active
    bool owed_ring_ = false;
    std::uint64_t active_at_ = 0;  // of busy_rounds_
  };

  explicit ActiveLanes(asio::io_context& io) : io_(io), windows_(std::make_shared<Windows>(io)) {}

  Windows& windows() { return *windows_; }

  // Idempotent. The member leaves before it is destroyed.
  void join(Member& member);
  // Idempotent; also from inside its look().
  void leave(Member& member);
  // It has an answer in its ring: joins, and is rung at the end of the round.
  void answered(Member& member);

 private:
  using Clock = local::Patience::Clock;
  void post_turn();
  void turn();
  bool round();
  bool look_at_all();
  void ring_owed();
  bool goes_on_waiting();
  std::chrono::microseconds awake() const;
  void park_all();
  void park(Member& member);
  void forget_gone();

  asio::io_context& io_;
  const std::shared_ptr<Windows> windows_;  // of lanes, active or not
  std::vector<Member*> members_;            // null: it has left, and the place goes with the round
  bool turn_posted_ = false;
  bool in_round_ = false;
  bool any_owed_ = false;
  std::uint64_t busy_rounds_ = 0;
  bool waiting_ = false;  // the last rounds found nothing, awake or asleep since then
  local::Patience patience_;
};

}  // namespace netmsg::session
