// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/dispatch.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <tuple>

#include "daemon/ipc/kernel_call.h"
#include "daemon/ipc/mach_port.h"
#include "daemon/ipc/space.h"
#include "daemon/ipc/task_ports.h"
#include "daemon/session/sealed_file.h"
#include "daemon/session/wire.h"

namespace netmsg::session {

namespace {

namespace mp = ipc::mach_port;

static_assert(local::kAllMemory == ipc::MsgResult::kAll);

// From here on a message is worth a memory block of its own on its way to the engine and back, which saves a copy.
constexpr std::uint32_t kLargeMin = 4096;

using local::Call;

// A call from its arguments to its results.
struct CallFrame {
  ipc::Space& space;
  ipc::OpToken thread;
  const std::uint64_t* args;
  std::uint32_t* outs;

  std::uint32_t arg(unsigned at) const { return static_cast<std::uint32_t>(args[at]); }
};

kern_return_t give(const CallFrame& f, const ipc::Kern<std::uint32_t>& result) {
  if (result.ok()) f.outs[0] = result.value();
  return result.code();
}

// ---------------------------------------------------------------- calls that have no row in the engine's table

kern_return_t reply_port(const CallFrame& f) {
  return give(f, mp::reply_port(f.space));
}
kern_return_t task_self(const CallFrame& f) {
  return give(f, ipc::task::self(f.space));
}
kern_return_t thread_self(const CallFrame& f) {
  return give(f, ipc::task::thread_self(f.space, f.thread));
}
kern_return_t host_self(const CallFrame& f) {
  return give(f, ipc::task::host_self(f.space));
}

// ---------------------------------------------------------------- calls that move rights of the caller

kern_return_t request_notification(const CallFrame& f) {
  return give(f, mp::request_notification(f.space, f.space, f.arg(0), static_cast<mach_msg_id_t>(f.arg(1)),
                                          f.arg(2), f.arg(3), f.arg(4)));
}
kern_return_t insert_right(const CallFrame& f) {
  return mp::insert_right(f.space, f.space, f.arg(0), f.arg(1), f.arg(2));
}
kern_return_t extract_right(const CallFrame& f) {
  const auto right = mp::extract_right(f.space, f.space, f.arg(0), f.arg(1));
  if (right.ok()) std::tie(f.outs[0], f.outs[1]) = right.value();
  return right.code();
}

struct CallEntry {
  Call number;
  unsigned args;  // how many it takes
  kern_return_t (*run)(const CallFrame&);
};

constexpr CallEntry kCalls[] = {
    {Call::kReplyPort, 0, reply_port},
    {Call::kTaskSelf, 0, task_self},
    {Call::kThreadSelf, 0, thread_self},
    {Call::kHostSelf, 0, host_self},
    {Call::kRequestNotification, 5, request_notification},
    {Call::kInsertRight, 3, insert_right},
    {Call::kExtractRight, 2, extract_right},
};

const CallEntry* find_entry(std::uint32_t number) {
  const auto* entry = std::find_if(std::begin(kCalls), std::end(kCalls), [number](const CallEntry& call) {
    return static_cast<std::uint32_t>(call.number) == number;
  });
  return entry != std::end(kCalls) ? entry : nullptr;
}

// ---------------------------------------------------------------- all others: rows of the engine's table

kern_return_t run_row(const ipc::Call& call, const CallFrame& f) {
  ipc::CallInput in;
  ipc::CallOutput out;
  std::copy_n(f.args, in.values.size(), in.values.begin());
  const kern_return_t code = call.run(f.space.task().self().object(), in, out);
  std::copy_n(out.values.begin(), local::kCallOutsMax, f.outs);  // no row of plain values has more results
  return code;
}

// Null: that is not a call of plain values.
const ipc::Call* find_row(std::uint32_t number) {
  const ipc::Call* call = ipc::find_call(static_cast<mach_msg_id_t>(number));
  return call != nullptr && ipc::is_plain(*call) ? call : nullptr;
}

// ---------------------------------------------------------------- judging the frame

bool fits_32_bits(std::uint64_t value) {
  return value <= UINT32_MAX;
}

// The first `used` arguments have 32 bits, the others are 0.
bool are_small(const local::PortCall& request, unsigned used) {
  const auto* end_of_used = request.args + used;
  return std::all_of(request.args, end_of_used, fits_32_bits) &&
         std::all_of(end_of_used, std::end(request.args), [](std::uint64_t value) { return value == 0; });
}

bool fit_row(const local::PortCall& request, const ipc::Call& call) {
  local::PortCall small = request;
  for (unsigned at = 0; at < call.arguments.size(); ++at) {
    if (call.arguments[at] == ipc::Item::kLong) small.args[at] = 0;
  }
  return are_small(small, ipc::argument_count(call));
}

// Where a call is found: one of the two, or none.
struct Found {
  const CallEntry* entry;
  const ipc::Call* row;
};

Found find(std::uint32_t number) {
  const CallEntry* entry = find_entry(number);
  return {entry, entry == nullptr ? find_row(number) : nullptr};
}

// What is wrong with the request; nothing if it can be made.
const char* complaint_about(const local::PortCall& request, const Found& call) {
  if (call.entry == nullptr && call.row == nullptr) return "a PortCall has an unknown number";
  const bool fits =
      call.entry != nullptr ? are_small(request, call.entry->args) : fit_row(request, *call.row);
  return fits ? nullptr : "a PortCall has an argument out of range";
}

// REQUIRES: there is no complaint about the request.
kern_return_t make_call(const local::PortCall& request, const Found& call, const CallFrame& frame) {
  if (request.task != 0 && !ipc::task::is_own_port(frame.space, request.task)) return MACH_SEND_INVALID_DEST;
  return call.entry != nullptr ? call.entry->run(frame) : run_row(*call.row, frame);
}

// ---------------------------------------------------------------- regions

// The first `size` bytes of `rest`, which is then what follows. REQUIRES: there are as many.
std::span<const std::byte> take(std::span<const std::byte>& rest, std::uint64_t size) {
  const auto taken = rest.first(static_cast<std::size_t>(size));
  rest = rest.subspan(taken.size());
  return taken;
}

// Takes the regions of a MachMsg one after the other.
class RegionReader {
 public:
  RegionReader(std::span<const std::byte> rest, SentFiles files) : rest_(rest), sent_(std::move(files)) {}

  // No region is left to be read: is everything used up?
  const char* complaint_at_end() const {
    if (!rest_.empty()) return "a MachMsg is longer than it says";
    const bool left = !sent_.arrived.lost && next_file_ < sent_.arrived.files.size();
    return left ? "more descriptors than regions in files" : nullptr;
  }
  bool found_room() const { return !sent_.arrived.lost && !full_; }

  // What is wrong with the next region, which goes to `memory` else; null: nothing.
  const char* read(std::vector<ipc::MemoryRef>& memory) {
    if (rest_.size() < sizeof(local::SentRegion)) return "a MachMsg's regions are cut short";
    const auto region = decode_fixed<local::SentRegion>(take(rest_, sizeof(local::SentRegion)));
    if (region->zero != 0) return "a region has a reserved field set";
    switch (static_cast<local::RegionForm>(region->form)) {
      case local::RegionForm::kBytes:
        return read_bytes(*region, memory);
      case local::RegionForm::kFile:
        return read_file(*region, memory);
    }
    return "a region of an unknown form";
  }

 private:
  const char* read_bytes(const local::SentRegion& region, std::vector<ipc::MemoryRef>& memory) {
    if (region.offset != 0) return "a region of bytes has an offset";
    if (region.length > rest_.size()) return "a region is longer than its frame";
    const auto bytes = take(rest_, region.length);
    memory.push_back(ipc::MemoryRef::of({bytes.begin(), bytes.end()}));
    return nullptr;
  }

  // Where some are lost nobody can say which.
  const char* read_file(const local::SentRegion& region, std::vector<ipc::MemoryRef>& memory) {
    if (region.offset >= local::kRegionPage) return "a region begins behind its first page";
    if (region.length == 0 || region.length > UINT64_MAX - region.offset)
      return "a region of an impossible length";
    if (sent_.arrived.lost) return nullptr;
    if (next_file_ == sent_.arrived.files.size()) return "a region without its descriptor";
    ClientFile& file = sent_.arrived.files[next_file_++];
    const std::uint64_t size = region.offset + region.length;
    if (!SealedFile::is_one(file.fd(), size)) return "a descriptor of something else than a sealed region";
    const std::uint64_t used = sent_.user->files->bytes;
    full_ = full_ || used > sent_.bytes_max || size > sent_.bytes_max - used;
    if (full_) return nullptr;
    file.count_bytes(size);
    memory.emplace_back(std::make_shared<const SealedFile>(std::move(file), region.offset, region.length));
    return nullptr;
  }

  std::span<const std::byte> rest_;
  SentFiles sent_;
  std::size_t next_file_ = 0;
  bool full_ = false;  // the user's files have too many bytes
};

std::uint64_t encoded_size(const std::vector<ipc::Region>& regions) {
  std::uint64_t size = regions.size() * sizeof(local::ReceivedRegion);
  for (const ipc::Region& region : regions) size += region.memory.buffered_bytes();
  return size;
}

local::ReceivedRegion head_of(const ipc::Region& region) {
  if (const auto file = SealedFile::behind(region.memory)) {
    constexpr auto kFile = static_cast<std::uint16_t>(local::RegionForm::kFile);
    return {region.slot, kFile, file->offset(), file->length()};
  }
  constexpr auto kBytes = static_cast<std::uint16_t>(local::RegionForm::kBytes);
  return {region.slot, kBytes, 0, region.memory.length()};
}

// Into the end of `frame`, from `at` on.
void encode_regions(const std::vector<ipc::Region>& regions, std::vector<std::byte>& frame, std::size_t at) {
  for (const ipc::Region& region : regions) {
    const local::ReceivedRegion head = head_of(region);
    std::memcpy(frame.data() + at, &head, sizeof head);
    at += sizeof head;
    const auto bytes = static_cast<std::size_t>(region.memory.buffered_bytes());
    if (bytes > 0) region.memory.read_here(0, std::span(frame).subspan(at, bytes));
    at += bytes;
  }
}

// What is wrong with the arguments, behind which there are so many bytes; null: nothing.
const char* complaint_about(const local::MachMsg& request, std::size_t bytes) {
  if (request.zero != 0) return "a MachMsg has a reserved field set";
  if (bytes < request.send_size) return "a MachMsg has not send_size bytes";
  if ((request.option & MACH_SEND_MSG) == 0 && bytes != 0) return "a MachMsg that sends nothing has bytes";
  if (request.regions > request.send_size / local::kRegionItemSize)
    return "a MachMsg has more regions than its message can have";
  return nullptr;
}

// But for its memory. REQUIRES: there is no complaint about it.
ipc::MsgArgs args_of(const local::MachMsg& request, ipc::Bytes message) {
  ipc::MsgArgs args;
  args.option = static_cast<mach_msg_option_t>(request.option);
  args.rcv_size = request.rcv_size;
  args.rcv_name = request.rcv_name;
  args.timeout_ms = request.timeout_ms;
  args.notify = request.notify;
  args.message = std::move(message);
  return args;
}

}  // namespace

bool is_large_message(std::span<const std::byte> arguments, std::uint32_t length) {
  const auto request = decode_fixed<local::MachMsg>(arguments);
  return request && request->regions == 0 && request->send_size >= kLargeMin &&
         length - sizeof(local::MachMsg) == request->send_size;
}

std::variant<ipc::MsgArgs, Violation, NoRoom> decode_mach_msg(std::span<const std::byte> payload,
                                                              SentFiles files, ipc::Bytes message) {
  if (payload.size() < sizeof(local::MachMsg)) return Violation{"a MachMsg is shorter than its arguments"};
  const auto request = decode_fixed<local::MachMsg>(payload.first(sizeof(local::MachMsg)));
  auto rest = payload.subspan(sizeof(local::MachMsg));
  if (const char* complaint = complaint_about(*request, rest.size() + message.size()))
    return Violation{complaint};
  if (message.empty()) {
    const auto bytes = take(rest, request->send_size);
    message.assign(bytes.begin(), bytes.end());
  }
  ipc::MsgArgs args = args_of(*request, std::move(message));
  RegionReader reader(rest, std::move(files));
  for (std::uint32_t at = 0; at < request->regions; ++at) {
    if (const char* complaint = reader.read(args.memory)) return Violation{complaint};
  }
  if (const char* complaint = reader.complaint_at_end()) return Violation{complaint};
  if (!reader.found_room()) return NoRoom{};
  return args;
}

namespace {

// As long as an answer to it can become; what is longer ends the batch.
std::uint64_t answer_max(const local::MachMsg& request) {
  return sizeof(local::MachMsgDone) + std::max(request.rcv_size, request.send_size);
}

// The next operation of a batch, which has no regions. What is wrong with it; null: nothing.
const char* judge_operation(std::span<const std::byte>& rest, std::uint64_t& answers) {
  if (rest.size() < sizeof(local::MachMsg)) return "a Batch is shorter than its operations";
  const auto request = decode_fixed<local::MachMsg>(take(rest, sizeof(local::MachMsg)));
  if (request->send_size > rest.size()) return "a Batch is shorter than its operations";
  if (request->regions != 0) return "a MachMsg in a Batch has regions";
  answers += answer_max(*request);
  return complaint_about(*request, take(rest, request->send_size).size());
}

}  // namespace

std::variant<BatchArgs, Violation> decode_batch(std::span<const std::byte> payload) {
  if (payload.size() < sizeof(local::Batch)) return Violation{"a Batch is shorter than its beginning"};
  if (payload.size() > local::kBatchBytesMax) return Violation{"a Batch is too long"};
  auto rest = payload;
  const auto head = decode_fixed<local::Batch>(take(rest, sizeof(local::Batch)));
  if (head->count == 0 || head->count > local::kBatchMax) return Violation{"a Batch of an impossible count"};
  if ((head->flags & ~local::kBatchStops) != 0) return Violation{"a Batch has an unknown flag"};
  const auto operations = rest;
  std::uint64_t answers = 0;
  for (std::uint32_t left = head->count; left > 0; --left) {
    if (const char* complaint = judge_operation(rest, answers)) return Violation{complaint};
  }
  if (!rest.empty()) return Violation{"a Batch is longer than its operations"};
  BatchArgs batch;
  batch.stops = head->flags != 0;
  // More than it takes: so that a batch which is let in leaves room for a message of its own.
  batch.charged = payload.size() + head->count * sizeof(ipc::MsgArgs) +
                  std::min<std::uint64_t>(answers, local::kBatchBytesMax);
  batch.bytes_.assign(operations.begin(), operations.end());
  return batch;
}

ipc::MsgArgs BatchArgs::next() {
  auto rest = std::span<const std::byte>(bytes_).subspan(at_);
  const auto request = decode_fixed<local::MachMsg>(take(rest, sizeof(local::MachMsg)));
  const auto bytes = take(rest, request->send_size);
  at_ = bytes_.size() - rest.size();
  return args_of(*request, {bytes.begin(), bytes.end()});
}

namespace {

void append_done(const ipc::MsgResult& result, std::vector<std::byte>& to) {
  const local::MachMsgDone done{static_cast<std::uint32_t>(result.code),
                                result.offset,
                                static_cast<std::uint32_t>(result.bytes.size()),
                                static_cast<std::uint32_t>(result.regions.size()),
                                result.memory_taken,
                                result.idle.watch,
                                result.idle.signal,
                                0};
  const auto* const head = reinterpret_cast<const std::byte*>(&done);
  to.insert(to.end(), head, head + sizeof done);
}

}  // namespace

void append_mach_msg_done(const ipc::MsgResult& result, std::vector<std::byte>& to) {
  append_done(result, to);
  to.insert(to.end(), result.bytes.begin(), result.bytes.end());
  if (result.regions.empty()) return;
  const std::size_t at = to.size();
  to.resize(at + encoded_size(result.regions));
  encode_regions(result.regions, to, at);
}

OutgoingFrame encode_mach_msg_done(std::uint64_t id, ipc::MsgResult result) {
  const std::uint64_t length =
      sizeof(local::MachMsgDone) + result.bytes.size() + encoded_size(result.regions);
  const local::FrameHeader header{static_cast<std::uint32_t>(length),
                                  static_cast<std::uint16_t>(local::Kind::kMachMsgDone), 0, id};
  const bool is_large = result.bytes.size() >= kLargeMin && result.regions.empty();
  std::vector<std::byte> frame;
  frame.reserve(sizeof header + (is_large ? sizeof(local::MachMsgDone) : length));
  frame.resize(sizeof header);
  std::memcpy(frame.data(), &header, sizeof header);
  if (!is_large) {
    append_mach_msg_done(result, frame);
    return frame;
  }
  append_done(result, frame);
  return {std::move(frame), std::move(result.bytes)};
}

Attachments files_of(const ipc::MsgResult& result) {
  Attachments files;
  for (const ipc::Region& region : result.regions) {
    if (auto file = SealedFile::behind(region.memory)) {
      const int fd = file->fd();
      files.push_back({fd, std::move(file)});
    }
  }
  return files;
}

std::variant<std::vector<std::byte>, Violation> run_port_call(ipc::Space& space, ipc::OpToken thread,
                                                              std::uint64_t id,
                                                              std::span<const std::byte> payload) {
  const auto request = decode_fixed<local::PortCall>(payload);
  if (!request) return Violation{"a PortCall has the wrong length"};
  const Found call = find(request->number);
  if (const char* complaint = complaint_about(*request, call)) return Violation{complaint};
  local::PortCallDone done{};
  done.code =
      static_cast<std::uint32_t>(make_call(*request, call, {space, thread, request->args, done.outs}));
  return encode_frame(local::Kind::kPortCallDone, id, done);
}

}  // namespace netmsg::session
