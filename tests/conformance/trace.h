// SPDX-License-Identifier: Apache-2.0
// A recorded trace, format 1, as values: what a real GNU Mach kernel did with a list of operations. Nothing
// is interpreted here; names are symbols, sizes are descriptions. Section numbers are those of the traces'
// FORMAT.md. Plain values, no owner, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace netmsg::conformance {

enum class SpaceId : std::uint8_t { kT0, kT1 };
inline constexpr std::array<SpaceId, 2> kSpaces{SpaceId::kT0, SpaceId::kT1};

// t0, t1; t0b, t1b are `second`.
struct Thread {
  SpaceId space = SpaceId::kT0;
  bool second = false;
};

// §3. `space` is set where the trace writes it out; otherwise the operation says which space is meant.
struct NameRef {
  enum class Kind : std::uint8_t { kNull, kDead, kBogus, kSymbol };
  Kind kind = Kind::kNull;
  std::optional<SpaceId> space = {};
  std::uint32_t symbol = 0;
};

// DISP:NAME.
struct PortField {
  std::uint32_t type = 0;
  NameRef name = {};
};

// One item of a body, as sent (§5) or as received (§7).
struct Item {
  enum class Kind : std::uint8_t { kPorts, kNames, kData };
  Kind kind = Kind::kData;
  std::uint32_t type = 0;                   // msgt_name
  std::uint32_t bits = 0;                   // of one element; kData only
  std::uint32_t count = 0;                  // of elements; kData only, otherwise names.size()
  std::uint32_t seed = 0;                   // kData: byte i is seed + 13 * i
  std::optional<std::uint32_t> value = {};  // kData, received: this number instead of the pattern
  std::vector<NameRef> names = {};
  bool out_of_line = false;
  bool deallocate = false;
  bool long_form = false;
  bool unused = false;
  bool bad_header = false;  // the inner short header of a long descriptor is not zero
  bool bad_address = false;
  bool null_address = false;
  std::optional<std::uint32_t> size_field = {};    // msgt_size, whatever the data is
  std::optional<std::uint32_t> number_field = {};  // msgt_number, whatever the data is
};

// A size in the replayer's own ABI (§4, §10).
struct SizeRef {
  enum class Base : std::uint8_t { kBig, kHeader, kOperation, kBytes };
  Base base = Base::kBig;
  std::uint32_t number = 0;  // of the operation, or of bytes
  std::int32_t offset = 0;   // as written: in bytes of the recorded ABI
};

struct Message {
  enum class Body : std::uint8_t { kItems, kRaw, kTruncated };
  PortField remote = {};
  PortField local = {};
  std::optional<std::uint64_t> payload = {};  // received: in place of the local name
  std::uint32_t seqno = 0;                    // received
  std::int32_t id = 0;
  std::optional<bool> complex = {};  // sent: unset if the items decide
  std::uint32_t extra_bits = 0;      // or-ed into msgh_bits; received: all but the types and COMPLEX
  std::vector<Item> items = {};
  Body body = Body::kItems;          // received
  std::uint32_t cut = 0;             // sent: bytes off the end, as written
  std::uint32_t pad = 0;             // sent: zero bytes more, as written
  std::optional<SizeRef> size = {};  // sent: instead of the exact size
};

// The arguments of send, recv and rpc.
struct MsgCall {
  std::int32_t option = 0;  // MACH_SEND_MSG and MACH_RCV_MSG included
  std::optional<Message> message = {};
  NameRef receive_name = {};
  SizeRef buffer = {};
  std::uint32_t timeout_ms = 0;
  NameRef notify = {};
  bool unmapped = false;  // msg=bad
};

enum class Verb : std::uint8_t {
  kAlloc,
  kAllocName,
  kReplyPort,
  kDealloc,
  kDestroy,
  kModRefs,
  kGetRefs,
  kType,
  kNames,
  kRename,
  kSetQlimit,
  kSetMscount,
  kSetSeqno,
  kSetPayload,
  kClearPayload,
  kGetStatus,
  kGetSetStatus,
  kMoveMember,
  kRequestNotification,
  kInsert,
  kExtract,
  kTrapAlloc,
  kTrapDealloc,
  kTrapInsert,
  kTrapAllocName,
  kMachMsg,
  kStart,
  kPoll,
  kJoin,
  kAbort,
  kSleep,
  kTerminate,
};

// The size that an H or Z line tells (§7).
struct ToldSize {
  enum class Kind : std::uint8_t { kNotRecorded, kOfOperation, kOfNotification };
  Kind kind = Kind::kNotRecorded;
  std::uint32_t operation = 0;
};

// M, B, H and Z lines.
struct Written {
  enum class Kind : std::uint8_t { kReceived, kGivenBack, kHeaderOnly, kSizeOnly };
  Kind kind = Kind::kReceived;
  Message message = {};
  ToldSize size = {};
};

// A `=` line. `text` is what stands after the symbol.
struct State {
  NameRef name;
  std::string text;
};

// The lines below an operation (§6).
struct Expected {
  std::string code;
  std::optional<NameRef> name = {};
  std::optional<std::uint64_t> number = {};        // refs= or type=
  std::optional<std::vector<NameRef>> names = {};  // names= or members=
  std::vector<bool> memory_kept = {};              // ool=
  std::vector<NameRef> unbound = {};               // `-` lines
  std::optional<NameRef> previous = {};
  std::optional<PortField> right = {};
  std::optional<Written> written = {};
  std::vector<State> states = {};
};

struct Operation {
  std::uint32_t number = 0;
  Verb verb = Verb::kAlloc;
  Thread thread = {};
  SpaceId target = SpaceId::kT0;  // the caller's own space unless on= says otherwise
  NameRef name = {};
  NameRef other = {};        // the second name of rename and move_member
  std::uint32_t right = 0;   // MACH_PORT_RIGHT_*
  std::int64_t amount = 0;   // delta, limit, count, payload, milliseconds; the sync of req_notify
  std::int32_t variant = 0;  // the notification's id
  PortField poly = {};       // the right that is handed over; extract: its type alone
  MsgCall call = {};         // kMachMsg, kStart
  Expected expected = {};
};

struct Case {
  std::string name;  // FAMILY/NAME
  std::vector<Operation> operations;

  std::string_view family() const { return std::string_view(name).substr(0, name.find('/')); }
};

struct Trace {
  std::vector<Case> cases;
};

// What is wrong with a trace, and where.
struct TraceError {
  std::size_t line;
  std::string what;
};

// The whole text of one file. Another format number, an unknown word or a line out of place is an error: a
// trace that is only half understood proves nothing.
std::variant<Trace, TraceError> parse_trace(std::string_view text);

}  // namespace netmsg::conformance
