// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/dispatch.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>

#include "daemon/ipc/mach_port.h"
#include "daemon/session/wire.h"

namespace netmsg::session {

namespace {

namespace mp = ipc::mach_port;
using local::Call;

// Arguments of a call as 32-bit values, and its results.
struct CallFrame {
  std::array<std::uint32_t, local::kCallArgsMax> args{};
  std::array<std::uint32_t, local::kCallOutsMax> outs{};
};

kern_return_t give(CallFrame& frame, const ipc::Kern<std::uint32_t>& result) {
  if (result.ok()) frame.outs[0] = result.value();
  return result.code();
}

kern_return_t reply_port(ipc::Space& space, CallFrame& f) {
  f.outs[0] = mp::reply_port(space);
  return KERN_SUCCESS;
}
kern_return_t type(ipc::Space& space, CallFrame& f) {
  return give(f, mp::type(space, f.args[0]));
}
kern_return_t allocate(ipc::Space& space, CallFrame& f) {
  return give(f, mp::allocate(space, f.args[0]));
}
kern_return_t destroy(ipc::Space& space, CallFrame& f) {
  return mp::destroy(space, f.args[0]);
}
kern_return_t deallocate(ipc::Space& space, CallFrame& f) {
  return mp::deallocate(space, f.args[0]);
}
kern_return_t get_refs(ipc::Space& space, CallFrame& f) {
  return give(f, mp::get_refs(space, f.args[0], f.args[1]));
}
kern_return_t mod_refs(ipc::Space& space, CallFrame& f) {
  return mp::mod_refs(space, f.args[0], f.args[1], static_cast<mach_port_delta_t>(f.args[2]));
}
kern_return_t set_qlimit(ipc::Space& space, CallFrame& f) {
  return mp::set_qlimit(space, f.args[0], f.args[1]);
}
kern_return_t request_notification(ipc::Space& space, CallFrame& f) {
  return give(f, mp::request_notification(space, space, f.args[0], static_cast<mach_msg_id_t>(f.args[1]),
                                          f.args[2], f.args[3], f.args[4]));
}
kern_return_t insert_right(ipc::Space& space, CallFrame& f) {
  return mp::insert_right(space, space, f.args[0], f.args[1], f.args[2]);
}
kern_return_t extract_right(ipc::Space& space, CallFrame& f) {
  const auto right = mp::extract_right(space, space, f.args[0], f.args[1]);
  if (right.ok()) std::tie(f.outs[0], f.outs[1]) = right.value();
  return right.code();
}
kern_return_t get_receive_status(ipc::Space& space, CallFrame& f) {
  const auto result = mp::get_receive_status(space, f.args[0]);
  if (!result.ok()) return result.code();
  const mach_port_status_t& s = result.value();
  f.outs = {s.mps_pset,
            s.mps_seqno,
            s.mps_mscount,
            s.mps_qlimit,
            s.mps_msgcount,
            s.mps_sorights,
            static_cast<std::uint32_t>(s.mps_srights),
            static_cast<std::uint32_t>(s.mps_pdrequest),
            static_cast<std::uint32_t>(s.mps_nsrequest)};
  return KERN_SUCCESS;
}

struct CallEntry {
  Call number;
  unsigned args;  // how many it takes; the others must be 0
  kern_return_t (*run)(ipc::Space&, CallFrame&);
};

// In the order of the numbers.
constexpr CallEntry kCalls[] = {
    {Call::kReplyPort, 0, reply_port},
    {Call::kType, 1, type},
    {Call::kAllocate, 1, allocate},
    {Call::kDestroy, 1, destroy},
    {Call::kDeallocate, 1, deallocate},
    {Call::kGetRefs, 2, get_refs},
    {Call::kModRefs, 3, mod_refs},
    {Call::kSetQlimit, 2, set_qlimit},
    {Call::kRequestNotification, 5, request_notification},
    {Call::kInsertRight, 3, insert_right},
    {Call::kExtractRight, 2, extract_right},
    {Call::kGetReceiveStatus, 1, get_receive_status},
};

const CallEntry* find_call(std::uint32_t number) {
  const auto* entry = std::lower_bound(
      std::begin(kCalls), std::end(kCalls), number,
      [](const CallEntry& call, std::uint32_t n) { return static_cast<std::uint32_t>(call.number) < n; });
  return entry != std::end(kCalls) && static_cast<std::uint32_t>(entry->number) == number ? entry : nullptr;
}

// Every argument of today's calls has 32 bits; unused ones are 0.
bool take_args(const local::PortCall& request, unsigned used, CallFrame& frame) {
  for (unsigned i = 0; i < local::kCallArgsMax; ++i) {
    if (request.args[i] > (i < used ? UINT32_MAX : 0)) return false;
    frame.args[i] = static_cast<std::uint32_t>(request.args[i]);
  }
  return true;
}

}  // namespace

std::variant<ipc::MsgArgs, Violation> decode_mach_msg(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(local::MachMsg)) return Violation{"a MachMsg is shorter than its arguments"};
  const auto request = decode_fixed<local::MachMsg>(payload.first(sizeof(local::MachMsg)));
  const auto bytes = payload.subspan(sizeof(local::MachMsg));
  if (bytes.size() != request->send_size) return Violation{"a MachMsg has not send_size bytes"};
  if ((request->option & MACH_SEND_MSG) == 0 && !bytes.empty())
    return Violation{"a MachMsg that sends nothing has bytes"};
  ipc::MsgArgs args;
  args.option = static_cast<mach_msg_option_t>(request->option);
  args.rcv_size = request->rcv_size;
  args.rcv_name = request->rcv_name;
  args.timeout_ms = request->timeout_ms;
  args.notify = request->notify;
  args.message.assign(bytes.begin(), bytes.end());
  return args;
}

std::vector<std::byte> encode_mach_msg_done(std::uint64_t id, const ipc::MsgResult& result) {
  const auto length = static_cast<std::uint32_t>(result.bytes.size());
  const local::MachMsgDone done{static_cast<std::uint32_t>(result.code), result.offset, length, 0};
  std::vector<std::byte> frame = encode_frame(local::Kind::kMachMsgDone, id, done, length);
  frame.insert(frame.end(), result.bytes.begin(), result.bytes.end());
  return frame;
}

std::variant<std::vector<std::byte>, Violation> run_port_call(ipc::Space& space, std::uint64_t id,
                                                              std::span<const std::byte> payload) {
  const auto request = decode_fixed<local::PortCall>(payload);
  if (!request || request->zero != 0)
    return Violation{"a PortCall has the wrong length or a reserved field set"};
  const CallEntry* const call = find_call(request->number);
  if (call == nullptr) return Violation{"a PortCall has an unknown number"};
  CallFrame frame;
  if (!take_args(*request, call->args, frame)) return Violation{"a PortCall has an argument out of range"};
  local::PortCallDone done{};
  done.code = static_cast<std::uint32_t>(call->run(space, frame));
  std::copy(frame.outs.begin(), frame.outs.end(), done.outs);
  return encode_frame(local::Kind::kPortCallDone, id, done);
}

}  // namespace netmsg::session
