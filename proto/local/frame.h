// SPDX-License-Identifier: Apache-2.0
// The protocol between a client process and the daemon of its host, over Unix stream sockets, and over rings in shared
// memory (ring.h) that carry the same frames.
//
// The model
//   A *task* is one client process with one port space. Its *main connection*, the socket it connected to the
//   daemon's path, is the task: when that connection ends, or the process that made it, the task is dead and
//   its space with it. Each thread of the client that makes calls has a *lane* of its own: one end of a
//   socket pair that the daemon made and passed over the main connection. Nobody proves anything on a lane:
//   whoever holds it is the task.
//
// Bytes
//   All numbers are little-endian. Each direction of each connection is a sequence of frames: a FrameHeader,
//   then `length` bytes of payload. Payloads are the structs below, one for each kind; MachMsg, Batch and
//   their answers are followed by message bytes and regions, each one's struct and its bytes, one after the other
//   without gaps. Fields named `zero` are sent as 0 and must be 0.
//
// Frames
//   kind          on    from    payload                   answered by
//   Hello         main  client  Hello                     Welcome or Refused
//   Welcome       main  daemon  Welcome
//   Refused       main  daemon  Refused, then the end
//   OpenLane      main  client  -                         LaneOpened
//   OpenRingLane  main  client  -                         LaneOpened
//   LaneOpened    main  daemon  LaneOpened
//   OpenInheritance    main  client  -                InheritanceOpened
//   InheritanceOpened  main  daemon  InheritanceOpened
//   Inherited     main  daemon  Inherited
//   OpenWatch     main  client  OpenWatch                 WatchOpened
//   WatchOpened   main  daemon  WatchOpened
//   MachMsg       lane  client  MachMsg, bytes, regions   MachMsgDone        may come with descriptors
//   MachMsgDone   lane  daemon  MachMsgDone, bytes, regions                  may come with descriptors
//   Batch         lane  client  Batch, MachMsgs with bytes                  BatchDone
//   BatchDone     lane  daemon  BatchDone, MachMsgDones with bytes, regions  may come with descriptors
//   PortCall      lane  client  PortCall                  PortCallDone
//   PortCallDone  lane  daemon  PortCallDone
//   Cancel        lane  client  -                         never itself
//   Bell          lane  both    -                         never; on the socket of a lane with a ring only (ring.h)
//
// Start of a task
//   1. The client connects and sends Hello with the versions it speaks. It has kHandshakeMs for that.
//   2. The daemon takes the process's identity from the kernel, makes a space, and answers Welcome with the
//      highest version both speak, or Refused with a reason and the versions it speaks.
//   3. The client sends OpenLane whenever it needs a lane, as often as it likes (also before earlier ones are
//      answered; answers come in order), and OpenWatch likewise. LaneOpened with kOk comes with exactly one descriptor (SCM_RIGHTS);
//      with another code, with none. OpenRingLane is answered likewise, but may bring two: the lane's socket and
//      the file of its rings (ring.h). With one alone it is a lane without rings.
//   The task's port has the name kTaskSelfName in every space. The names of the name service and of the host's
//   port are told by Welcome; they are the same in every space that one daemon makes as long as it has a name
//   service.
//
// Inheritance (spec 07 §8)
//   A task hands its bootstrap port and its registered ports on to the tasks that are made from it, by fork or exec.
//   1. It sends OpenInheritance. InheritanceOpened with kOk comes with a descriptor, the *handle*: one end of a
//      pair of SOCK_SEQPACKET sockets. The daemon keeps copies of the ports as they are now until the last copy of
//      the handle, in whatever process, is closed. A packet waits in the handle: InheritanceHead. It is to be looked
//      at (MSG_PEEK), not taken out: it tells a handle from other descriptors, and one daemon's from another's.
//   2. Who holds the handle and has been given a Welcome by the same daemon sends its `claim` through the handle, as
//      one packet of kClaimWords words, before it opens a lane. Inherited follows on the main connection: the ports
//      are in the new task's slots, and have names in its space. Any number of tasks can do so, of any user.
//   The power is in the handle, which the kernel lets only pass from hand to hand; a number in the environment of a
//   program says no more than where to look. A claim says which task is meant, and is secret, so that nobody can be
//   made an heir against his will; it ends when it is used, and with the first OpenLane. The descriptor goes from
//   the daemon to the client only: what a client sends must not have to be closed by a daemon (closing a file may
//   block). A packet of another size, or with descriptors, is the end of the handle; a claim that is nobody's does
//   nothing.
//
// Requests
//   `id` is chosen by the client; it says which request is answered or cancelled. It is valid from the
//   request to its answer and free afterwards. Frames that are no request and no answer carry id 0. Each
//   request is answered exactly once, whichever way it ended. One MachMsg or Batch may be outstanding on a lane; until
//   it is answered, Cancel is the only request the client may send there. PortCalls are answered at once and in
//   order.
//
// Cancel
//   Asks that the outstanding MachMsg with that id end. If it is blocked, it ends with MACH_SEND_INTERRUPTED
//   or MACH_RCV_INTERRUPTED; if it has ended, nothing happens, and its answer is on its way or has arrived:
//   an id that is not outstanding is no error. Sending it twice is the same as once. Of a Batch it ends the operation
//   that is blocked, if one is, and no other begins.
//
// Batches
//   Several MachMsgs in one frame, each followed by its bytes; none has regions. The daemon carries them out in their
//   order, each to its end, as if each had come by itself when the one before it was answered; a bounded number at a time, and
//   other lanes in between. One BatchDone answers for the first of them, `count`, in their order: what comes before the
//   last one's MachMsgDone is `gathered` bytes long. The others have not begun; nothing of them has been done, and the
//   client may ask again. All have begun, unless
//   - a Cancel came,
//   - kBatchStops was set, and the last one that is answered ended with another code than MACH_MSG_SUCCESS,
//   - the last one brought regions: so only the last answer has any, or descriptors,
//   - the answers came to more than kBatchBytesMax,
//   - the user's account cannot bear the batch; then none has begun. (A MachMsg that sends nothing is always taken.)
//   Until it is answered a batch counts against its user, with the answers that it may bring.
//
// Out-of-line memory (spec 02 §9)
//   A region is an out-of-line item of a complex message that is not empty. The client walks the message as the
//   daemon will (02 §8), up to the first item that is malformed, and sends the bytes of its regions, up to the
//   first that it cannot read. The daemon takes them in order while it walks; one that is not there, or is not as
//   long as the item says, is memory that is not readable. So what a client says wrong here hurts only itself.
//   MachMsgDone tells how many were taken: for those the deallocate bit counts.
//   A message that comes back with regions has in each one's address slot the offset within its page that the
//   client has to give it (0 for an array of names), and the client puts the address there.
//   A region is told as bytes, or, if it is data, as a file: a memfd whose descriptor goes with the first byte of the
//   frame (SCM_RIGHTS; one for each such region, in their order, at most kFilesMax in a frame). Nothing mutable is
//   ever shared: the sender has sealed the file with F_SEAL_WRITE, F_SEAL_SHRINK and F_SEAL_GROW, which the kernel
//   refuses as long as anybody can write to it. The file holds `offset` bytes that are of no interest (0, if the
//   sender behaves), then the region, and nothing else: its size is offset + length. The daemon checks all that and
//   never maps it. A receiver maps it privately, with the region at that offset in its first page, and closes it.
//   What counts as broken rules: a descriptor of anything else (another kind of file, without these seals, opened for
//   writing alone, of another size, of huge pages), more or fewer descriptors than regions told as files, and a
//   descriptor with a frame that is no MachMsg. An array of names told as a file is memory that is not readable.
//   A user's files have limits of their own, in number and bytes: above them, and when the daemon has no descriptor
//   left, the answer is MACH_SEND_NO_BUFFER, and nothing was taken; the client may try again with bytes.
//   A receiver that gets fewer descriptors than regions told as files had no room for them; what is missing is lost.
//   A client reads an answer that came with descriptors to its end before it asks for anything else on that lane
//   (but for Cancel): what it has not taken counts against everybody's descriptors on their way.
//
// Watches
//   OpenWatch asks for a descriptor that polls readable when there is something to receive from a receive right or
//   a port set. On KERN_SUCCESS WatchOpened comes with it: one end of a pair of SOCK_SEQPACKET sockets; with
//   another code nothing comes. The daemon sends a Signal each time that a receive which does not wait begins to have an
//   answer other than MACH_RCV_TIMED_OUT (at once if it has one already). It never takes a signal back, because nothing that
//   it could do with a socket of the client's is sure not to block. The library does: `idle_watch` and `idle_signal` of
//   MachMsgDone say that a receive has left nothing, and that all signals up to that one are to be read away; numbers wrap
//   around, the one that is less than 2^31 behind is the older. A signal that is not read away is a wake-up for
//   nothing, until the next receive; none is ever missing, because one that is sent later has a higher number.
//   Does the socket not take a signal, the newest one follows when it does.
//   Several watches of one right have the same id. The daemon closes its end when the right leaves the space or the
//   set is destroyed. The client closes its own when it likes; it can send nothing there.
//
// Ends
//   A lane may be closed by the client at any moment, also within a frame: the half frame is dropped, an
//   outstanding MachMsg is cancelled and its answer dropped. (A client whose message turns out to be
//   unreadable half-way gives the lane back in this way and opens another.) Whatever breaks the rules of this
//   file (unknown kind, kind on the wrong connection or in the wrong order, wrong length, non-zero `zero`,
//   unknown call) is the end of the task: the daemon closes all its connections and logs why. The task is
//   dead, for everybody as if the process had been killed. When the daemon ends, the connections end. A
//   client does not attach to another daemon by itself.
#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

namespace netmsg::local {

static_assert(std::endian::native == std::endian::little, "frames are copied to and from memory as they are");

inline constexpr std::uint32_t kMagic = 0x67736d4e;  // "Nmsg"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::uint32_t kTaskSelfName = 1;
inline constexpr std::uint32_t kHandshakeMs = 5000;

enum class Kind : std::uint16_t {
  kHello = 1,
  kWelcome = 2,
  kRefused = 3,
  kOpenLane = 4,
  kLaneOpened = 5,
  kOpenInheritance = 6,
  kInheritanceOpened = 7,
  kInherited = 8,
  kOpenWatch = 9,
  kWatchOpened = 10,
  kOpenRingLane = 11,
  kMachMsg = 16,
  kMachMsgDone = 17,
  kPortCall = 18,
  kPortCallDone = 19,
  kCancel = 20,
  kBell = 21,
  kBatch = 22,
  kBatchDone = 23,
};

struct FrameHeader {
  std::uint32_t length;  // of the payload
  std::uint16_t kind;    // Kind
  std::uint16_t zero;
  std::uint64_t id;
};

struct Hello {
  std::uint32_t magic;        // kMagic
  std::uint16_t version_min;  // the versions the client speaks
  std::uint16_t version_max;
};

inline constexpr unsigned kClaimWords = 4;

struct Welcome {
  std::uint32_t version;
  std::uint32_t task_port;     // kTaskSelfName
  std::uint32_t name_service;  // a send right's name, or 0: this daemon has no name service
  std::uint32_t inline_max;    // largest message, header included; a larger one gets MACH_SEND_NO_BUFFER
  std::uint32_t lanes_max;     // at one time
  std::uint32_t memory_max;    // out-of-line bytes of one message; more gets MACH_SEND_NO_BUFFER
  std::uint32_t host_port;     // a send right's name
  std::uint32_t daemon;        // the daemon's incarnation, as in InheritanceHead
  std::uint32_t claim[kClaimWords];
};

enum class RefusedReason : std::uint32_t {
  kNoCommonVersion = 1,  // no common version
  kTooManyTasks = 2,     // of this user
  kIdentity = 3,         // the kernel does not tell who is connecting
  kOutOfResources = 4,   // no descriptor or memory for another task
};

struct Refused {
  std::uint32_t reason;  // RefusedReason
  std::uint16_t version_min;
  std::uint16_t version_max;
};

enum class LaneCode : std::uint32_t {
  kOk = 0,
  kTooMany = 1,         // lanes_max reached, or the user's limit; works again when one has been closed
  kOutOfResources = 2,  // no descriptor or memory in the daemon
};

struct LaneOpened {
  std::uint32_t code;  // LaneCode
  std::uint32_t zero;
};

enum class InheritanceCode : std::uint32_t {
  kOk = 0,
  kNothing = 1,         // every new task gets just these ports
  kOutOfResources = 2,  // of the user, or no descriptor or memory in the daemon
};

// Names of the registered ports 0 to 2 and of the bootstrap port in the space of an heir: MACH_PORT_NULL or
// MACH_PORT_DEAD where they are that.
inline constexpr unsigned kNamedPorts = 4;

struct InheritanceOpened {
  std::uint32_t code;                // InheritanceCode
  std::uint32_t names[kNamedPorts];  // as they will be in a task that claims first of all
  std::uint32_t zero;
};

struct Inherited {
  std::uint32_t names[kNamedPorts];
};

struct InheritanceHead {
  std::uint32_t magic;   // kInheritanceMagic
  std::uint32_t daemon;  // Welcome::daemon
};

inline constexpr std::uint32_t kInheritanceMagic = 0x6e49734d;  // "MsIn"

struct OpenWatch {
  std::uint32_t name;
  std::uint32_t zero;
};

struct WatchOpened {
  std::uint32_t code;   // KERN_SUCCESS, KERN_INVALID_NAME, KERN_INVALID_RIGHT, KERN_RESOURCE_SHORTAGE
  std::uint32_t watch;  // never 0, the same as for other watches of this right, as long as there are any
};

struct Signal {
  std::uint32_t number;
};

// The arguments of mach_msg (spec 03 §1), followed by send_size bytes of the caller's
// buffer (none without MACH_SEND_MSG; send_size is 0 then), and by `regions` SentRegions
// and their bytes. The client has checked nothing that the daemon relies on; it answers
// MACH_SEND_MSG_TOO_SMALL (spec 03 §3 phase 1) and sizes above inline_max and memory_max
// by itself, and never sends such a frame.
struct MachMsg {
  std::uint32_t option;
  std::uint32_t send_size;
  std::uint32_t rcv_size;
  std::uint32_t rcv_name;
  std::uint32_t timeout_ms;
  std::uint32_t notify;
  std::uint32_t regions;  // at most one for each kRegionItemSize bytes of the message
  std::uint32_t zero;
};

inline constexpr std::uint32_t kRegionItemSize = 16;  // of an out-of-line item in a message

// How a region is told.
enum class RegionForm : std::uint16_t {
  kBytes = 0,  // its bytes follow
  kFile = 1,   // the next descriptor stands for it
};

inline constexpr unsigned kFilesMax = 32;  // of one frame
inline constexpr std::uint32_t kRegionPage = 4096;

struct SentRegion {
  std::uint64_t length;
  std::uint16_t form;  // RegionForm
  std::uint16_t
      offset;  // of the region in its file, below kRegionPage: that of the address in its page; else 0
  std::uint32_t zero;
};

// What mach_msg returns, followed by `length` bytes to be written at `offset` of the caller's buffer (a whole
// message, a header, the size field alone, or nothing), and by `regions` ReceivedRegions and their bytes.
struct MachMsgDone {
  std::uint32_t code;
  std::uint32_t offset;
  std::uint32_t length;
  std::uint32_t regions;
  std::uint32_t memory_taken;  // regions of the MachMsg, from the first on, or kAllMemory
  std::uint32_t idle_watch;    // 0: nothing is known
  std::uint32_t idle_signal;   // (see Watches)
  std::uint32_t zero;
};

inline constexpr std::uint32_t kAllMemory = UINT32_MAX;

// Followed by `count` MachMsgs, 1 to kBatchMax, each with its bytes: kBatchBytesMax of payload at most.
struct Batch {
  std::uint32_t count;
  std::uint32_t flags;  // kBatchStops or 0
};

inline constexpr std::uint32_t kBatchStops = 1;  // an operation that does not succeed is the last one
inline constexpr unsigned kBatchMax = 128;
inline constexpr std::uint32_t kBatchBytesMax = 64U << 10;

// Followed by `count` MachMsgDones, each with its bytes, the last one also with its regions.
struct BatchDone {
  std::uint32_t count;
  std::uint32_t gathered;  // bytes before the last one's MachMsgDone
  std::uint32_t zero[6];   // every answer is at least as long as a MachMsgDone
};

struct ReceivedRegion {
  std::uint32_t slot;    // where its address goes: offset from the start of the message
  std::uint16_t form;    // RegionForm
  std::uint16_t offset;  // of the region in its file, and in the page of its address; 0 without a file
  std::uint64_t length;
};

// A call of a task on itself without a message: number, then arguments in the order of the call's prototype
// without the task; what is not used is 0. Numbers are the ids of the same calls in message form (spec 05 §8);
// those that have none are below 100. Calls whose arguments or results are arrays, and calls on other tasks,
// are made by message only.
enum class Call : std::uint32_t {
  kReplyPort = 1,               // () -> name (0 on any failure)
  kTaskSelf = 2,                // () -> name (0 on any failure)
  kThreadSelf = 3,              // () -> name (0 on any failure): the port of this lane
  kHostSelf = 4,                // () -> name (0 on any failure)
  kType = 3201,                 // (name) -> type
  kRename = 3202,               // (old name, new name)
  kAllocateName = 3203,         // (right, name)
  kAllocate = 3204,             // (right) -> name
  kDestroy = 3205,              // (name)
  kDeallocate = 3206,           // (name)
  kGetRefs = 3207,              // (name, right) -> urefs
  kModRefs = 3208,              // (name, right, delta: two's complement)
  kSetQlimit = 3210,            // (name, limit)
  kSetMscount = 3211,           // (name, count)
  kMoveMember = 3213,           // (member, set)
  kRequestNotification = 3214,  // (name, id, sync, notify, disposition) -> previous
  kInsertRight = 3215,          // (name, poly, disposition)
  kExtractRight = 3216,         // (name, disposition) -> name, type
  kGetReceiveStatus = 3217,     // (name) -> the nine fields of mach_port_status_t
  kSetSeqno = 3218,             // (name, number)
  kSetPayload = 3221,           // (name, payload: 64 bits)
  kClearPayload = 3222,         // (name)
};

inline constexpr unsigned kCallArgsMax = 6;
inline constexpr unsigned kCallOutsMax = 10;

// `task` is the call's task argument, or 0 where a call has none or means this task whatever its port is
// called. If it is not the name of a send right for this task's own port, the answer is MACH_SEND_INVALID_DEST
// and nothing was done: who or what that port is can only be found out by a message to it.
struct PortCall {
  std::uint32_t number;  // Call
  std::uint32_t task;
  std::uint64_t args[kCallArgsMax];
};

// `outs` are 0 unless code is KERN_SUCCESS.
struct PortCallDone {
  std::uint32_t code;
  std::uint32_t zero;
  std::uint32_t outs[kCallOutsMax];
};

template <typename T, unsigned kSize>
inline constexpr bool kIsWire =
    std::conjunction_v<std::bool_constant<sizeof(T) == kSize>, std::has_unique_object_representations<T>,
                       std::is_trivially_copyable<T>>;

static_assert(kIsWire<FrameHeader, 16>);
static_assert(kIsWire<Hello, 8>);
static_assert(kIsWire<Welcome, 48>);
static_assert(kIsWire<Refused, 8>);
static_assert(kIsWire<LaneOpened, 8>);
static_assert(kIsWire<InheritanceOpened, 24>);
static_assert(kIsWire<Inherited, 16>);
static_assert(kIsWire<InheritanceHead, 8>);
static_assert(kIsWire<MachMsg, 32>);
static_assert(kIsWire<OpenWatch, 8>);
static_assert(kIsWire<WatchOpened, 8>);
static_assert(kIsWire<Signal, 4>);
static_assert(kIsWire<MachMsgDone, 32>);
static_assert(kIsWire<Batch, 8>);
static_assert(kIsWire<BatchDone, sizeof(MachMsgDone)>);
static_assert(kIsWire<SentRegion, 16>);
static_assert(kIsWire<ReceivedRegion, 16>);
static_assert(kIsWire<PortCall, 56>);
static_assert(kIsWire<PortCallDone, 48>);

}  // namespace netmsg::local
