// SPDX-License-Identifier: Apache-2.0
// A loop that receives requests from any number of ports and has each handled by the function for its id. Replies have
// the form that generated stubs and call() expect: id + 100, the return code first.
//
// The daemon's notifications have handlers of their own. They are recognised by their id and by having come with a
// send-once right. So give no send-once right to a port of the server away whose notifications you believe; or request
// them to notify_port(), to which nobody else has a right.
//
// An exception of a handler leaves run() or serve_one() on its thread; what it was called for is given up (who has sent
// a request hears that: MIG_SERVER_DIED in call), and the server can run on.
//
// Threads: handlers are set before run(). run() may be called by several threads at once, and then handlers are, too;
// stop() by any, and in handlers; not in signal handlers.
#pragma once

#include <mach.h>

#include <atomic>
#include <functional>
#include <netmsg/message.hpp>
#include <netmsg/owned_name.hpp>
#include <netmsg/port_set.hpp>
#include <netmsg/receive_right.hpp>
#include <netmsg/received_message.hpp>
#include <netmsg/result.hpp>
#include <netmsg/timeout.hpp>
#include <unordered_map>
#include <utility>

namespace netmsg {

class Server {
 public:
  // Takes what it wants from the request (the rest is given up) and puts results into the reply. An error is what the
  // reply says instead, without results; of a take that failed, MIG_BAD_ARGUMENTS. MIG_NO_REPLY: nothing is sent now;
  // who takes the request's reply right, or moves the whole request away, can answer later, with
  // Message::reply_to(id). The reply is not sent either if
  // nobody waits for one, or if its port is full: the server waits for no client. It is sent after the handler: rights
  // and memory that are put into it by reference must outlive that, so put what is the handler's own by std::move.
  using Handler = std::function<Result<void>(ReceivedMessage& request, Message& reply)>;
  // `at` is the port to which the notification came; MACH_PORT_NULL if that has a payload.
  using NameHandler = std::function<void(mach_port_name_t at, mach_port_name_t name)>;

  // If there is no room for its ports, or no daemon, everything tells so.
  Server() : set_(made(PortSet::make())), notify_(made(ReceiveRight::make())) {
    if (ready_ == KERN_SUCCESS) ready_ = set_.add(notify_).code();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Messages to this port are served, as long as it lives. It stays the caller's, who can receive from it no more:
  // MACH_RCV_IN_SET.
  Result<void> add(const ReceiveRight& port) {
    if (ready_ != KERN_SUCCESS) return Error(ready_);
    return set_.add(port);
  }

  // The one that is set last counts. Requests of other ids get MIG_BAD_ID.
  void on(mach_msg_id_t id, Handler handler) { handlers_[id] = std::move(handler); }

  // Notifications (spec 06); those without a handler are given up with what they carry.
  // The port of this name has died. The reference that comes with the notification is given up after the handler.
  void on_dead_name(NameHandler handler) { dead_name_ = std::move(handler); }
  // The request for it has ended with the name, which may mean something else by now.
  void on_port_deleted(NameHandler handler) { port_deleted_ = std::move(handler); }
  // A forced message has been taken out of its queue; MACH_PORT_NULL if the name it was sent to is no more.
  void on_msg_accepted(NameHandler handler) { msg_accepted_ = std::move(handler); }
  // Nobody had a send right when `made` send rights had been made. More may have been since: status().mps_srights.
  void on_no_senders(std::function<void(mach_port_name_t at, mach_port_mscount_t made)> handler) {
    no_senders_ = std::move(handler);
  }
  // A send-once right to this port has been given up.
  void on_send_once(std::function<void(mach_port_name_t at)> handler) { send_once_ = std::move(handler); }
  // The receive right of a port that was to die.
  void on_port_destroyed(std::function<void(mach_port_name_t at, ReceiveRight port)> handler) {
    port_destroyed_ = std::move(handler);
  }
  // A port of the server's own, for notifications to be requested to.
  const ReceiveRight& notify_port() const { return notify_; }
  // What run() receives from.
  const PortSet& set() const { return set_; }

  // Serves until stop(). Otherwise returns what was wrong with a receive: the codes of PortSet::receive; a message for
  // whose rights there was no room is passed by.
  Result<void> run() {
    if (ready_ != KERN_SUCCESS) return Error(ready_);
    ReceivedMessage request;
    while (!stopping_.load()) {
      const Result<void> received = serve_next(request, kForever);
      if (!received && !is_passed_by(received.error())) return received;
    }
    wake();  // the next thread, if there is one
    return {};
  }
  // Serves one message, for programs that have a loop of their own. MACH_RCV_TIMED_OUT: there was none.
  Result<void> serve_one(Timeout timeout) {
    if (ready_ != KERN_SUCCESS) return Error(ready_);
    ReceivedMessage request;
    return serve_next(request, timeout);
  }
  // Every run() returns when its handler has returned, also one that has not begun yet. For good.
  void stop() {
    stopping_.store(true);
    wake();
  }

 private:
  struct DeadName : detail::OwnedName<detail::drop_dead_name> {
    explicit DeadName(mach_port_name_t name) : OwnedName(name) {}
  };

  template <typename Right>
  Right made(Result<Right> right) {
    if (right) return std::move(*right);
    ready_ = right.code();
    return {};
  }

  static bool is_passed_by(const Error& error) {
    return error.basic() == MACH_RCV_HEADER_ERROR || error.basic() == MACH_RCV_BODY_ERROR;
  }

  // A message that has no other purpose; the queue's limit does not hold for a send-once right.
  void wake() {
    Result<SendOnceRight> once = notify_.make_send_once();
    if (once) static_cast<void>(Message(kWake).send(std::move(*once)));
  }

  Result<void> serve_next(ReceivedMessage& request, Timeout timeout) {
    Result<void> received = set_.receive_into(request, timeout);
    if (!received) return received;
    if (request.arrived_by_send_once() && is_notification(request.id()))
      notified(request);
    else if (request.arrived_at() != notify_.name())
      requested(request);
    request.clear();
    return {};
  }

  void requested(ReceivedMessage& request) {
    const auto handler = handlers_.find(request.id());
    Message reply = Message::reply_to(request.id());
    const Result<void> done =
        handler == handlers_.end() ? Result<void>(Error(MIG_BAD_ID)) : handler->second(request, reply);
    if (done.code() == MIG_NO_REPLY || !request.wants_reply()) return;
    if (!done) reply = Message::reply_to(request.id(), as_reply(done.code()));
    static_cast<void>(reply.send(request.take_reply_right(), kNoWait));
  }

  static kern_return_t as_reply(kern_return_t code) {
    return code == MIG_TYPE_ERROR ? MIG_BAD_ARGUMENTS : code;
  }

  static bool is_notification(mach_msg_id_t id) { return id >= MACH_NOTIFY_FIRST && id <= MACH_NOTIFY_LAST; }

  void notified(ReceivedMessage& message) {
    const mach_port_name_t at = message.arrived_at();
    switch (message.id()) {
      case MACH_NOTIFY_DEAD_NAME:
        return tell_dead_name(at, message);
      case MACH_NOTIFY_PORT_DELETED:
        return tell_name(port_deleted_, at, message);
      case MACH_NOTIFY_MSG_ACCEPTED:
        return tell_name(msg_accepted_, at, message);
      case MACH_NOTIFY_NO_SENDERS:
        if (const auto count = message.take_int32(); count && no_senders_)
          no_senders_(at, static_cast<mach_port_mscount_t>(count.value()));
        return;
      case MACH_NOTIFY_PORT_DESTROYED:
        if (auto port = message.take_receive(); port && port_destroyed_)
          port_destroyed_(at, std::move(*port));
        return;
      case MACH_NOTIFY_SEND_ONCE:
        if (send_once_) send_once_(at);
        return;
      default:
        return;
    }
  }

  static void tell_name(const NameHandler& handler, mach_port_name_t at, ReceivedMessage& message) {
    if (const auto name = message.take_port_name(); name && handler) handler(at, name.value());
  }
  // Only a reference to a dead name is given up, whoever sent this.
  void tell_dead_name(mach_port_name_t at, ReceivedMessage& message) {
    const auto name = message.take_port_name();
    if (!name) return;
    const DeadName reference(name.value());
    if (dead_name_) dead_name_(at, reference.name());
  }

  static constexpr mach_msg_id_t kWake = 0;

  kern_return_t ready_ = KERN_SUCCESS;
  PortSet set_;
  ReceiveRight notify_;
  std::atomic<bool> stopping_{false};
  std::unordered_map<mach_msg_id_t, Handler> handlers_;
  NameHandler dead_name_;
  NameHandler port_deleted_;
  NameHandler msg_accepted_;
  std::function<void(mach_port_name_t, mach_port_mscount_t)> no_senders_;
  std::function<void(mach_port_name_t)> send_once_;
  std::function<void(mach_port_name_t, ReceiveRight)> port_destroyed_;
};

}  // namespace netmsg
