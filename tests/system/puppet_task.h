// SPDX-License-Identifier: Apache-2.0
// The test's side of a puppet: a task on a host, told what to do call by call. It ends with this object.
#pragma once

#include <mach/port.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "tests/support/host.h"
#include "tests/support/mach_message.h"
#include "tests/system/puppet_wire.h"

namespace netmsg::test {

class PuppetTask {
 public:
  struct Message {
    mach_msg_return_t code;
    mach_msg_header_t header;
    std::vector<std::uint32_t> values;
  };

  explicit PuppetTask(const Host& host);

  Name port();
  // As Outgoing says. By default it does not wait for room.
  mach_msg_return_t send(const Outgoing& message, unsigned timeout_ms = 0);
  // The same, and the buffer afterwards: where the message came back, what it came back as.
  Message send_for_result(const Outgoing& message, unsigned timeout_ms = 0);
  // Sends in a thread of its own, without a limit unless one is given; end() waits for it.
  void begin_send(const Outgoing& message, std::optional<unsigned> timeout_ms = std::nullopt);
  bool has_ended();
  Message end();
  Message receive(Name port, unsigned timeout_ms = 0, mach_msg_option_t option = 0, Name notify = 0);
  // How many of the messages that can be taken from `port` now have that id; all are destroyed.
  unsigned drain(Name port, mach_msg_id_t id);

  kern_return_t destroy(Name name);
  kern_return_t mod_refs(Name name, mach_port_right_t right, int difference);
  // A send right to an own port, beside the receive right.
  kern_return_t make_send(Name port);
  Name make_send_once(Name port);
  kern_return_t request(Name name, mach_msg_id_t kind, Name notify);
  kern_return_t set_qlimit(Name port, unsigned limit);
  std::string state(Name name);
  struct Status {
    std::uint32_t mscount, srights, sorights, msgcount, seqno;
  };
  Status status(Name port);

  // A right travels in a message to another puppet, which was made for that; its name there.
  Name give(Name right, unsigned disposition, PuppetTask& to);

  Process& process() { return process_; }

 private:
  struct Answer {
    PuppetAnswer head;
    Bytes bytes;
  };
  struct Sockets {
    Sockets();
    base::UniqueFd ours, theirs;
  };
  PuppetTask(const Host& host, Sockets sockets);

  Answer tell(Do what, std::initializer_list<std::uint32_t> values, const Bytes& bytes = {});
  static Message message(const Answer& answer);

  const Host& host_;
  base::UniqueFd socket_;
  Process process_;
  std::string mailbox_name_;  // known to the name service by it
  Name mailbox_ = 0;
};

}  // namespace netmsg::test
