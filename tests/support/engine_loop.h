// SPDX-License-Identifier: Apache-2.0
// An engine and two tasks in it that do the same thing over and over: for counting what one time costs. No checks of the
// engine's invariants, no tables of results, and the bytes of a message go round: what is counted is the engine's.
#pragma once

#include <cstdint>

#include "daemon/ipc/engine.h"
#include "daemon/ipc/mach_port.h"
#include "tests/support/mach_message.h"

namespace netmsg::test {

class EngineLoop {
 public:
  // `names`: so many dead names are in each space besides, and as many ports in the server's.
  explicit EngineLoop(unsigned names = 0);
  ~EngineLoop();

  // A message to the server's port, which holds nothing else; then it is received.
  void send_and_receive();
  // The server waits already; then the client sends.
  void send_to_waiting();
  // A call as stubs make it: send and receive in one, with a send-once right, to a server that waits; the server
  // answers and waits again in one.
  void call();
  // As send_and_receive(), with a send right that is moved in the body; the server gives it up.
  void move_send_right();
  // As send_and_receive(), received from a set that the port is a member of.
  void receive_from_set();
  // Is the name of a send right one? (mach_port_type)
  void look_up();

 private:
  class Task : public ipc::Completions {
   public:
    void complete(ipc::OpToken, ipc::MsgResult&& result) override { last = std::move(result); }

    ipc::Space* space = nullptr;
    ipc::MsgResult last;
  };
  // What goes into a header's port fields.
  struct Address {
    Name remote = 0;
    unsigned remote_type = MACH_MSG_TYPE_COPY_SEND;
    Name local = 0;
    unsigned local_type = 0;
  };

  Name new_port(Task& task);
  Name send_right_of_client(Name port);
  Bytes message(const Address& address);
  Bytes with_right(Bytes bytes, Name name) const;
  void run(Task& task, ipc::OpToken token, mach_msg_option_t option, Bytes message, Name rcv_name);
  // The message that has arrived at the task: its bytes are the next one's.
  mach_msg_header_t take(Task& task);

  base::ManualClock clock_;
  ipc::Account account_{ipc::Account::Limits{.bytes = 1ULL << 40, .ports = UINT32_MAX}};
  ipc::Engine engine_;
  Task client_;
  Task server_;
  Name queue_ = 0;                                     // of the server: nobody waits there
  Name waited_ = 0;                                    // of the server: it waits there between calls
  Name member_ = 0;                                    // of the server, in `set_`
  Name set_ = 0;                                       // of the server
  Name reply_ = 0;                                     // of the client
  Name to_queue_ = 0, to_waited_ = 0, to_member_ = 0;  // the client's send rights
  Name moved_ = 0;                                     // a port of the client with a send right that is moved
  Bytes bytes_;                                        // the message that goes round
};

}  // namespace netmsg::test
