// SPDX-License-Identifier: Apache-2.0
// What the processes of the netmsg cases do, through the library's C interface like any program: a server that
// answers, and a client that asks. A process calls join() before anything else.
#pragma once

#include <mach.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/crew.h"
#include "tests/support/host.h"

namespace netmsg::bench {

enum class LaneKind { kSocket, kRing };
const char* name_of(LaneKind kind);
// Makes this process, which has not used the library yet, a client of the host, over lanes of this kind. Throws
// NotOffered if it has got lanes of the other kind.
void join(const test::Host& host, LaneKind kind);

// What a request asks for, as its id.
enum RequestId : mach_msg_id_t {
  kAnswer = 100,  // 64 bytes back: to the reply port if there is one, else to the one of the last kIntroduce
  kIntroduce,     // the reply right is kept
  kReturn,        // the whole message back, and the rights in it
  kTake,          // its region is read (the first byte), 64 bytes go back, then it is given up
  kCount,         // no answer: counted
};

// A port, checked in, that answers until it is killed. What it counts goes to the crew.
void serve_port(Crew& crew, const std::string& name);

// How the answer finds its way.
enum class ReplyBy {
  kHeldRight,  // a send right that the server has: no right travels
  kSendOnce,   // a send-once right made for each request: what stubs do
};

class Caller {
 public:
  // `host_name`: where the server is, "" for this host. Waits until its name is there.
  Caller(const std::string& server, const std::string& host_name, ReplyBy reply_by, std::size_t bytes = 64);

  // Requests of the constructor's size.
  void call(RequestId id = kAnswer);
  void send_only();
  // A request with one right in its body, which comes back with the answer.
  void call_with_right(mach_port_t name, mach_msg_type_name_t disposition);
  // Hands over the region, which is gone from here afterwards.
  void hand_over(vm_address_t pages, std::uint64_t bytes);
  mach_port_t server() const { return server_; }

 private:
  mach_msg_header_t& head() { return *reinterpret_cast<mach_msg_header_t*>(buffer().data()); }
  std::span<std::uint64_t> buffer() { return large_.empty() ? std::span(small_) : std::span(large_); }
  void address(RequestId id, mach_msg_size_t size, bool complex, bool answered);
  void exchange();

  mach_port_t server_ = MACH_PORT_NULL;
  mach_port_t reply_ = MACH_PORT_NULL;
  ReplyBy reply_by_;
  std::size_t bytes_;
  // A message of a size that programs have on their stack, as their stubs do, is there: a Caller is a local variable.
  std::array<std::uint64_t, 8192 / sizeof(std::uint64_t)> small_{};
  std::vector<std::uint64_t> large_;
};

// Hands over regions of this size, each made and written before its time begins, and reports.
void measure_regions(Crew& crew, Caller& caller, std::uint64_t bytes);

// A receive right, and a send right for it under the same name.
mach_port_t new_port_with_send();
void must_succeed(kern_return_t code, const char* what);

}  // namespace netmsg::bench
