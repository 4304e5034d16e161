// SPDX-License-Identifier: Apache-2.0
// gRPC's events, taken on the owner thread: as long as messages only come and go, no thread waits for a completion
// queue, so an event costs no hand-over between threads. gRPC keeps all its sockets in one epoll set; the
// owner's event loop watches that set like any other descriptor, and asks the queues when something is there.
//
//   when queues are asked     why
//   the set is readable       something has come
//   look_soon()               something was begun that may be done already
//   kAgain after a turn       gRPC has events of the set that it has not looked at, or a thread of its own has
//                             done something, which wakes nobody
//   in rounds                 somebody is awake, and takes over from the first two of these until he parks; while something
//                             is put off only for one of these reasons, or if nobody was asked in the last few rounds
//
// The first queue is asked first, the others only if it had nothing: each question is a system call, and what is the
// others' waits kAgain at the most.
//
// Restless is what gRPC's own threads (names, timers, and sockets that take no more for now) have a part in: streams that
// are being made or ended, and writes that have not been done at once. As long as there is such a thing, a helper
// waits in its queue, and hands over what it finds. It never waits in a queue without: whoever waits takes the sockets'
// events of all, and the others' helpers would not hear of it.
//
// An idle daemon's timer does not run. One poller for the process: whoever asks one of its completion queues does the work
// of all. Made before anything else of gRPC. Owner thread only. If the set
// cannot be found all is restless: that is slower, and works.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace asio {
class io_context;
}
namespace grpc {
class CompletionQueue;
}

namespace netmsg::proxy {

class GrpcPoller {
 public:
  // What gRPC is given as a tag.
  class Operation {
   public:
    virtual ~Operation() = default;
    virtual void done(bool ok) = 0;
  };

  // `owner` is run by the owner thread and outlives this object.
  explicit GrpcPoller(asio::io_context& owner);
  ~GrpcPoller();  // REQUIRES: no queue
  GrpcPoller(const GrpcPoller&) = delete;
  GrpcPoller& operator=(const GrpcPoller&) = delete;

  // Tags of the queue are Operations. It lives until remove(). `begin`: begins what was put off.
  void add(
      grpc::CompletionQueue& queue, std::function<void()> begin = [] {});
  // Shuts the queue and takes what is left of it, waiting for that. REQUIRES: what is under way has been cancelled, or will end.
  void remove(grpc::CompletionQueue& queue);

  // Something of ours was handed to gRPC.
  void look_soon();
  // More, or less, of what gRPC's own threads have a part in.
  void restless(grpc::CompletionQueue& queue, int change);
  // Rounds: who is awake anyway (daemon/link_rounds.h) is called with `join` when something has come, and asks from then on:
  // look() again and again, then park(). Meanwhile nobody else does. Null: no rounds any more, as after park().
  void ask_in_rounds(std::function<void()> join);
  // False: there was nothing.
  bool look();
  void park();

  // An operation that only waits for something to come may be begun later if this says true: `begin` of all queues is called
  // when something has come that nobody waited for, or nothing has for some looks, and before the rounds end.
  bool put_off();

  // For who has to wait: takes events of all queues until `done`, or the time is over.
  void run_until(const std::function<bool()>& done, std::chrono::milliseconds limit);

 private:
  class Source;
  class Turns;
  std::shared_ptr<Turns> turns_;
};

}  // namespace netmsg::proxy
