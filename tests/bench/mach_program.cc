// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/mach_program.h"

#include <servers/netname.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>

#include "tests/bench/patience.h"
#include "tests/bench/region_sizes.h"

namespace netmsg::bench {

namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr mach_msg_size_t kAnswerBytes = 64;
constexpr std::size_t kBody = sizeof(mach_msg_header_t) + sizeof(mach_msg_type_t);

mach_msg_type_t descriptor(unsigned type, unsigned bits, unsigned number, bool in_line) {
  mach_msg_type_t made{};
  made.msgt_name = type & 0xff;
  made.msgt_size = bits & 0xffff;
  made.msgt_inline = in_line ? 1 : 0;
  made.msgt_deallocate = in_line ? 0 : 1;
  made.msgt_number = number;
  return made;
}

template <typename Value>
void put_at(std::span<std::uint64_t> buffer, std::size_t offset, const Value& value) {
  std::memcpy(reinterpret_cast<std::byte*>(buffer.data()) + offset, &value, sizeof value);
}

template <typename Value>
Value get_at(std::span<const std::uint64_t> buffer, std::size_t offset) {
  Value value;
  std::memcpy(&value, reinterpret_cast<const std::byte*>(buffer.data()) + offset, sizeof value);
  return value;
}

// A body of bytes that fills the message.
void fill(std::span<std::uint64_t> buffer, std::size_t bytes) {
  put_at(buffer, sizeof(mach_msg_header_t),
         descriptor(MACH_MSG_TYPE_CHAR, 8, static_cast<unsigned>(bytes - kBody), true));
}

}  // namespace

void must_succeed(kern_return_t code, const char* what) {
  if (code != KERN_SUCCESS) throw NotOffered(std::string(what) + ": " + mach_error_string(code));
}

const char* name_of(LaneKind kind) {
  return kind == LaneKind::kSocket ? "socket" : "ring";
}

namespace {

// A lane with rings is a mapping of a file that the daemon gave this name.
bool has_ring_lane() {
  std::ifstream mappings("/proc/self/maps");
  for (std::string line; std::getline(mappings, line);)
    if (line.find("memfd:netmsg-lane") != std::string::npos) return true;
  return false;
}

}  // namespace

void join(const test::Host& host, LaneKind kind) {
  ::setenv("NETMSGD_SOCKET", host.socket().c_str(), 1);
  ::setenv("NETMSG_LANE", name_of(kind), 1);
  netname_wait_for_server();
  if (has_ring_lane() != (kind == LaneKind::kRing)) throw NotOffered("there are no lanes of this kind");
}

namespace {

vm_address_t written_region(std::uint64_t bytes) {
  vm_address_t pages = 0;
  must_succeed(vm_allocate(mach_task_self(), &pages, bytes, TRUE), "a region");
  std::memset(reinterpret_cast<void*>(pages), 1, bytes);  // NOLINT(performance-no-int-to-ptr)
  return pages;
}

}  // namespace

void measure_regions(Crew& crew, Caller& caller, std::uint64_t bytes) {
  measure_prepared(crew, [&] {
    const vm_address_t pages = written_region(bytes);
    const std::int64_t start = now_ns();
    caller.hand_over(pages, bytes);
    return now_ns() - start;
  });
}

mach_port_t new_port_with_send() {
  mach_port_t port = MACH_PORT_NULL;
  must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), "a port");
  must_succeed(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), "a send right");
  return port;
}

namespace {

class Server {
 public:
  Server(Crew& crew, const std::string& name) : crew_(crew) {
    must_succeed(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port_), "the server's port");
    must_succeed(mach_port_set_qlimit(mach_task_self(), port_, MACH_PORT_QLIMIT_MAX), "a queue limit");
    must_succeed(netname_check_in(name_server_port, name.c_str(), mach_task_self(), port_), "a check-in");
  }

  // The answer to one request goes out with the receive of the next.
  [[noreturn]] void run() {
    mach_msg_size_t answer = 0;
    for (;;) {
      const mach_msg_option_t option = MACH_RCV_MSG | (answer != 0 ? MACH_SEND_MSG : 0);
      must_succeed(mach_msg(&head(), option, answer, kBufferBytes, port_, 0, 0), "the server's call");
      answer = on_request();
    }
  }

 private:
  mach_msg_header_t& head() { return *reinterpret_cast<mach_msg_header_t*>(buffer_.data()); }

  // The size of the answer, or 0.
  mach_msg_size_t on_request() {
    switch (head().msgh_id) {
      case kCount:
        crew_.count(1);
        return 0;
      case kIntroduce:
        back_ = head().msgh_remote_port;
        return 0;
      case kReturn:
        return turn_round(head().msgh_size, head().msgh_bits & MACH_MSGH_BITS_COMPLEX);
      case kTake:
        take_region();
        return 0;
      default:
        break;
    }
    fill(buffer_, kAnswerBytes);
    return turn_round(kAnswerBytes, 0);
  }

  mach_msg_size_t turn_round(mach_msg_size_t size, mach_msg_bits_t complex) {
    const bool held = head().msgh_remote_port == MACH_PORT_NULL;
    const mach_msg_bits_t type = held ? MACH_MSG_TYPE_COPY_SEND : MACH_MSGH_BITS_REMOTE(head().msgh_bits);
    if (held) head().msgh_remote_port = back_;
    head().msgh_bits = MACH_MSGH_BITS(type, 0) | complex;
    head().msgh_local_port = MACH_PORT_NULL;
    return size;
  }

  // Answers before the region is given up, as the sealed memory by hand is: to free its pages is not part of the call.
  void take_region() {
    const auto count = get_at<mach_msg_type_t>(buffer_, sizeof(mach_msg_header_t)).msgt_number;
    const auto pages = get_at<std::uint64_t>(buffer_, kBody);
    const auto* const first =
        reinterpret_cast<const volatile char*>(pages);  // NOLINT(performance-no-int-to-ptr)
    static_cast<void>(*first);
    fill(buffer_, kAnswerBytes);
    const mach_msg_size_t answer = turn_round(kAnswerBytes, 0);
    must_succeed(mach_msg(&head(), MACH_SEND_MSG, answer, 0, MACH_PORT_NULL, 0, 0), "the server's answer");
    vm_deallocate(mach_task_self(), pages, count);
  }

  Crew& crew_;
  mach_port_t port_ = MACH_PORT_NULL;
  mach_port_t back_ = MACH_PORT_NULL;
  std::array<std::uint64_t, kBufferBytes / sizeof(std::uint64_t)> buffer_{};  // on the stack, as the caller's
};

}  // namespace

void serve_port(Crew& crew, const std::string& name) {
  Server(crew, name).run();
}

Caller::Caller(const std::string& server, const std::string& host_name, ReplyBy reply_by, std::size_t bytes)
    : reply_(mach_reply_port()),
      reply_by_(reply_by),
      bytes_(bytes),
      large_(bytes > sizeof small_ ? bytes / sizeof(std::uint64_t) : 0) {
  Patience patience;
  while (netname_look_up(name_server_port, host_name.c_str(), server.c_str(), &server_) != KERN_SUCCESS)
    patience.rest("the server is not there");
  address(kIntroduce, kAnswerBytes, false, false);
  head().msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND);
  head().msgh_local_port = reply_;
  fill(buffer(), kAnswerBytes);
  must_succeed(mach_msg(&head(), MACH_SEND_MSG, kAnswerBytes, 0, 0, 0, 0), "an introduction");
}

void Caller::address(RequestId id, mach_msg_size_t size, bool complex, bool answered) {
  const bool once = answered && reply_by_ == ReplyBy::kSendOnce;
  head().msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, once ? MACH_MSG_TYPE_MAKE_SEND_ONCE : 0) |
                     (complex ? MACH_MSGH_BITS_COMPLEX : 0);
  head().msgh_size = size;
  head().msgh_remote_port = server_;
  head().msgh_local_port = once ? reply_ : MACH_PORT_NULL;
  head().msgh_seqno = 0;
  head().msgh_id = id;
}

void Caller::exchange() {
  must_succeed(mach_msg(&head(), MACH_SEND_MSG | MACH_RCV_MSG, head().msgh_size,
                        static_cast<mach_msg_size_t>(buffer().size_bytes()), reply_, 0, 0),
               "a call");
}

void Caller::call(RequestId id) {
  address(id, static_cast<mach_msg_size_t>(bytes_), false, true);
  fill(buffer(), bytes_);
  exchange();
}

void Caller::send_only() {
  address(kCount, static_cast<mach_msg_size_t>(bytes_), false, false);
  fill(buffer(), bytes_);
  must_succeed(mach_msg(&head(), MACH_SEND_MSG, head().msgh_size, 0, 0, 0, 0), "a send");
}

void Caller::call_with_right(mach_port_t name, mach_msg_type_name_t disposition) {
  address(kReturn, kBody + sizeof(std::uint64_t) * 3, true, true);
  put_at(buffer(), sizeof(mach_msg_header_t), descriptor(disposition, 64, 1, true));
  put_at(buffer(), kBody, std::uint64_t{name});
  put_at(buffer(), kBody + 8, descriptor(MACH_MSG_TYPE_INTEGER_64, 64, 1, true));
  exchange();
}

void Caller::hand_over(vm_address_t pages, std::uint64_t bytes) {
  address(kTake, kBody + sizeof pages, true, true);
  put_at(buffer(), sizeof(mach_msg_header_t),
         descriptor(MACH_MSG_TYPE_CHAR, 8, static_cast<unsigned>(bytes), false));
  put_at(buffer(), kBody, pages);
  exchange();
}

}  // namespace netmsg::bench
