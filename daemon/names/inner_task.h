// SPDX-License-Identifier: Apache-2.0
// A task inside the daemon: a space of its own and the mach_msg calls it has under way, each with a handler
// for its result. It uses the engine as any client does. Results are handled one after the other, never
// inside one another: a result that arrives while another is being handled waits its turn.
//
// What nobody handles is released: the rights of a received message whose receive was forgotten, and those of
// a message that could not be sent. Owner thread only.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "daemon/ipc/engine.h"

namespace netmsg::names {

class InnerTask final : public ipc::Completions {
 public:
  // `account` pays for the task's ports and messages and outlives the engine.
  InnerTask(ipc::Engine& engine, std::string label, ipc::Account& account);
  ~InnerTask() override;  // the task dies
  InnerTask(const InnerTask&) = delete;
  InnerTask& operator=(const InnerTask&) = delete;

  ipc::Engine& engine() { return engine_; }
  ipc::Space& space() { return space_; }

  // The message, if there is one, and the rights that stand in it are the handler's. Out-of-line memory, and the
  // rights in it, are given up before.
  using Received = std::function<void(mach_msg_return_t code, ipc::Bytes message)>;
  using Sent = std::function<void(mach_msg_return_t code)>;
  using Wait = std::optional<std::chrono::milliseconds>;  // nothing: without end

  // Receives one message of any size.
  ipc::OpToken receive(ipc::Name port, Wait wait, Received handler);
  // Sends; consumes the rights that the message moves, whatever happens. `handler` may be empty.
  ipc::OpToken send(ipc::Bytes message, std::chrono::milliseconds wait, Sent handler = {});
  // The handler will not be called any more; a send that
  // still waits is given up. Nothing if the call has ended.
  void forget(ipc::OpToken call);

  // Gives up one right as a received message or a copied-out field names it. NULL and DEAD are skipped.
  void release(ipc::Name name, mach_msg_type_name_t type);
  // Gives up all rights in the body of a received message.
  void release_body(const ipc::Bytes& message);
  // The same, and the reply right.
  void release_message(const ipc::Bytes& message);

 private:
  struct Call {
    Received received;                  // a receive; empty once forgotten
    Sent sent;                          // a send; empty if nobody asked, or forgotten
    std::optional<ipc::Bytes> message;  // a send: what was to be sent
  };

  void complete(ipc::OpToken token, ipc::MsgResult&& result) override;
  void finish(ipc::OpToken token, ipc::MsgResult result);
  void release_arrays(const ipc::MsgResult& result);
  void finish_receive(const Call& call, ipc::MsgResult result);
  void finish_send(const Call& call, const ipc::MsgResult& result);
  void release_unsent(const ipc::Bytes& message);

  ipc::Engine& engine_;
  ipc::Space& space_;
  ipc::OpToken last_token_ = 0;
  std::unordered_map<ipc::OpToken, Call> calls_;
  std::deque<std::pair<ipc::OpToken, ipc::MsgResult>> results_;
  bool handling_ = false;
};

}  // namespace netmsg::names
