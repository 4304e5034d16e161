// SPDX-License-Identifier: Apache-2.0
// A program that does what a test tells it (puppet_wire.h). usage: puppet FD: a datagram socket, until its other
// end is closed.
#include <mach.h>
#include <servers/netname.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/system/name_state.h"
#include "tests/system/puppet_wire.h"

namespace netmsg::test {
namespace {

using Buffer = std::vector<char>;

struct Answer {
  PuppetAnswer head{};
  Buffer bytes;
};

Answer answer(kern_return_t code, std::initializer_list<std::uint32_t> values = {}) {
  Answer made;
  made.head.code = code;
  std::copy(values.begin(), values.end(), made.head.values);
  return made;
}

// The buffer afterwards is what came back or was received, as long as its header says.
Answer mach_msg_call(const PuppetCall& call, Buffer bytes) {
  const auto sent = static_cast<mach_msg_size_t>(bytes.size());
  bytes.resize(std::max({sent, call.values[1], mach_msg_size_t{sizeof(mach_msg_header_t)}}));
  auto* head = reinterpret_cast<mach_msg_header_t*>(bytes.data());
  const auto option = static_cast<mach_msg_option_t>(call.values[0]);
  Answer made =
      answer(mach_msg(head, option, sent, call.values[1], call.values[2], call.values[3], call.values[4]));
  const bool received = (option & MACH_RCV_MSG) != 0 && made.head.code == MACH_MSG_SUCCESS;
  bytes.resize(received ? head->msgh_size : std::max<std::size_t>(sent, sizeof *head));
  made.bytes = std::move(bytes);
  return made;
}

class Puppet {
 public:
  explicit Puppet(int socket) : socket_(socket) {}

  void obey() {
    Buffer datagram(kPuppetBytesMax);
    for (;;) {
      const ssize_t size = ::recv(socket_, datagram.data(), datagram.size(), 0);
      if (size < static_cast<ssize_t>(sizeof(PuppetCall))) std::_Exit(0);
      PuppetCall call;
      std::memcpy(&call, datagram.data(), sizeof call);
      say(act(call, {datagram.begin() + sizeof call, datagram.begin() + size}));
    }
  }

 private:
  void say(const Answer& made) const {
    Buffer datagram(sizeof made.head);
    std::memcpy(datagram.data(), &made.head, sizeof made.head);
    datagram.insert(datagram.end(), made.bytes.begin(), made.bytes.end());
    ::send(socket_, datagram.data(), datagram.size(), 0);
  }

  Answer act(const PuppetCall& call, const Buffer& bytes) {
    const std::uint32_t* v = call.values;
    switch (call.what) {
      case Do::kMachMsg:
        return mach_msg_call(call, bytes);
      case Do::kBegin:
        return begin(call, bytes);
      case Do::kDrain:
        return drain(v[0], static_cast<mach_msg_id_t>(v[1]));
      case Do::kHasEnded:
        return answer(KERN_SUCCESS, {ended_ ? 1U : 0U});
      case Do::kEnd:
        other_.join();
        return std::move(outcome_);
      case Do::kAllocate:
        return named(mach_port_allocate(self_, v[0], &name_));
      case Do::kDestroy:
        return answer(mach_port_destroy(self_, v[0]));
      case Do::kModRefs:
        return answer(mach_port_mod_refs(self_, v[0], v[1], static_cast<int>(v[2])));
      case Do::kInsert:
        return answer(mach_port_insert_right(self_, v[0], v[1], v[2]));
      case Do::kExtract:
        return extract(v[0], v[1]);
      case Do::kRequest:
        return request(v);
      case Do::kSetQlimit:
        return answer(mach_port_set_qlimit(self_, v[0], v[1]));
      case Do::kStatus:
        return status(v[0]);
      case Do::kState:
        return state(v[0]);
      case Do::kCheckIn:
        return answer(netname_check_in(name_server_port, text(bytes).c_str(), self_, v[0]));
      case Do::kLookUp:
        return look_up(text(bytes));
    }
    return answer(KERN_INVALID_ARGUMENT);
  }

  Answer begin(const PuppetCall& call, const Buffer& bytes) {
    ended_ = false;
    other_ = std::thread([this, call, bytes] {
      outcome_ = mach_msg_call(call, bytes);
      ended_ = true;
    });
    return answer(KERN_SUCCESS);
  }

  static Answer drain(mach_port_t from, mach_msg_id_t id) {
    Buffer room(kPuppetBytesMax);
    auto* head = reinterpret_cast<mach_msg_header_t*>(room.data());
    std::uint32_t count = 0;
    std::uint32_t others = 0;
    while (mach_msg(head, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, kPuppetBytesMax, from, 0, 0) ==
           MACH_MSG_SUCCESS) {
      ++(head->msgh_id == id ? count : others);
      mach_msg_destroy(head);
    }
    return answer(KERN_SUCCESS, {count, others});
  }

  Answer named(kern_return_t code) const { return answer(code, {name_}); }

  Answer extract(mach_port_t name, unsigned disposition) {
    mach_msg_type_name_t type = 0;
    return named(mach_port_extract_right(self_, name, disposition, &name_, &type));
  }

  Answer request(const std::uint32_t* v) const {
    mach_port_t previous = MACH_PORT_NULL;
    return answer(mach_port_request_notification(self_, v[0], static_cast<mach_msg_id_t>(v[1]), v[2], v[3],
                                                 MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous));
  }

  Answer status(mach_port_t name) const {
    mach_port_status_t told{};
    const kern_return_t code = mach_port_get_receive_status(self_, name, &told);
    return answer(code, {told.mps_mscount, static_cast<std::uint32_t>(told.mps_srights), told.mps_sorights,
                         told.mps_msgcount, told.mps_seqno});
  }

  static Answer state(mach_port_t name) {
    Answer made;
    const std::string text = state_of(name);
    made.bytes.assign(text.begin(), text.end());
    return made;
  }

  Answer look_up(const std::string& both) {
    const std::size_t zero = both.find('\0');
    return named(netname_look_up(name_server_port, both.c_str(), both.c_str() + zero + 1, &name_));
  }

  static std::string text(const Buffer& bytes) { return {bytes.begin(), bytes.end()}; }

  const int socket_;
  const mach_port_t self_ = mach_task_self();
  mach_port_t name_ = MACH_PORT_NULL;  // the last one that a call gave
  std::thread other_;
  Answer outcome_;
  std::atomic<bool> ended_{false};
};

}  // namespace
}  // namespace netmsg::test

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  netmsg::test::Puppet(std::atoi(argv[1])).obey();
}
