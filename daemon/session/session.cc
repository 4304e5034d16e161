// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <string>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/poll_now.h"
#include "daemon/ipc/space.h"
#include "daemon/ipc/task_ports.h"
#include "daemon/session/wire.h"

namespace netmsg::session {

namespace {

constexpr std::uint32_t kMainLengthMax = sizeof(local::Hello);
static_assert(sizeof(local::OpenWatch) <= kMainLengthMax);

std::string label_of(uid_t uid, pid_t pid) {
  return "uid " + std::to_string(uid) + " pid " + std::to_string(pid);
}

}  // namespace

Session::Session(const Surroundings& surroundings, const ListenerOptions& options, Inheritances& inheritances,
                 std::shared_ptr<ActiveLanes> active_lanes, std::shared_ptr<BatchTurns> batch_turns,
                 base::UniqueFd socket, Identity identity, User& user, UserSlot handshake, Owner& owner)
    : surroundings_(surroundings),
      options_(options),
      inheritances_(inheritances),
      active_lanes_(std::move(active_lanes)),
      batch_turns_(std::move(batch_turns)),
      owner_(owner),
      user_(user),
      pid_(identity.pid),
      greeting_(new Greeting{std::move(handshake), WaitingTimer(surroundings.io)}),
      main_(std::make_shared<SocketChannel>(surroundings.io, std::move(socket), user, surroundings.users,
                                            kMainLengthMax, static_cast<SocketChannel::Sink&>(*this))),
      process_(surroundings.io) {
  asio::error_code error;
  process_.assign(identity.process.get(), error);
  if (!error) identity.process.release();
}

Session::~Session() {
  NETMSG_CHECK(state_ == State::kEnded);
}

void Session::start() {
  watch_process();
  limit_greeting();
  main_->start();
}

// A forked child can hold the connection open after the process is gone: the process decides.
void Session::watch_process() {
  process_.async_wait(WaitingDescriptor::wait_read, [weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (self == nullptr || self->state_ == State::kEnded) return;
    if (error || base::poll_now(self->process_.native_handle(), POLLIN)) return self->end("");
    self->watch_process();
  });
}

void Session::limit_greeting() {
  greeting_->timer.expires_after(std::chrono::milliseconds(local::kHandshakeMs));
  greeting_->timer.async_wait([weak = weak_from_this()](const asio::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && self->state_ == State::kGreeting) self->end("no Hello in time");
  });
}

void Session::on_frame(const local::FrameHeader& header, Payload arrived) {
  const std::span<const std::byte> payload = arrived.bytes;
  const auto kind = static_cast<local::Kind>(header.kind);
  if (header.id != 0) return end("an id on the main connection");
  if (state_ == State::kGreeting && kind == local::Kind::kHello) return on_hello(payload);
  if (state_ == State::kAttached && kind == local::Kind::kOpenLane && payload.empty())
    return on_open_lane(false);
  if (state_ == State::kAttached && kind == local::Kind::kOpenRingLane && payload.empty())
    return on_open_lane(true);
  if (state_ == State::kAttached && kind == local::Kind::kOpenInheritance && payload.empty())
    return on_open_inheritance();
  if (state_ == State::kAttached && kind == local::Kind::kOpenWatch) return on_open_watch(payload);
  end("a frame that does not belong on the main connection now");
}

void Session::on_hello(std::span<const std::byte> payload) {
  const auto hello = decode_fixed<local::Hello>(payload);
  if (!hello || hello->magic != local::kMagic || hello->version_min > hello->version_max)
    return end("a Hello that is none");
  if (hello->version_min > local::kVersion || hello->version_max < local::kVersion)
    return refuse(local::RefusedReason::kNoCommonVersion);
  task_ = surroundings_.users.take_task(user_);
  if (!task_) return refuse(local::RefusedReason::kTooManyTasks);
  attach();
}

void Session::attach() {
  state_ = State::kAttached;
  greeting_.reset();
  space_ = &surroundings_.engine.create_space(label_of(user_.uid, pid_), user_.account, *this);
  name_service_name_ = surroundings_.equip(*space_);
  name_service_ = ipc::PortRef(space_->task().registered()[0].port());
  claim_ = inheritances_.expect(*this);
  local::Welcome welcome{};
  welcome.version = local::kVersion;
  welcome.task_port = local::kTaskSelfName;
  welcome.name_service = name_service_name_;
  welcome.inline_max = options_.inline_max;
  welcome.lanes_max = options_.lanes_per_task;
  welcome.memory_max = options_.memory_max;
  welcome.host_port = ipc::task::host_self(*space_);
  welcome.daemon = inheritances_.daemon();
  std::copy(claim_.begin(), claim_.end(), welcome.claim);
  main_->send(encode_frame(local::Kind::kWelcome, 0, welcome));
}

void Session::refuse(local::RefusedReason reason) {
  const local::Refused refused{static_cast<std::uint32_t>(reason), local::kVersion, local::kVersion};
  main_->send(encode_frame(local::Kind::kRefused, 0, refused));
  end("");
}

void Session::on_open_inheritance() {
  local::InheritanceOpened opened{};
  base::UniqueFd handle;
  auto inheritance = std::make_unique<ipc::Inheritance>(*space_);
  const ipc::Inheritance::Names names = inheritance->names(name_service_.get(), name_service_name_);
  std::copy(names.begin(), names.end(), opened.names);
  if (inheritance->is_only(name_service_.get())) {
    opened.code = static_cast<std::uint32_t>(local::InheritanceCode::kNothing);
  } else if (!(handle = inheritances_.keep(std::move(inheritance), user_))) {
    opened.code = static_cast<std::uint32_t>(local::InheritanceCode::kOutOfResources);
  }
  main_->send(encode_frame(local::Kind::kInheritanceOpened, 0, opened), attachment_of(std::move(handle)));
}

void Session::inherit(const ipc::Inheritance& inheritance) {
  local::Inherited inherited{};
  const ipc::Inheritance::Names names = inheritance.give(*space_);
  std::copy(names.begin(), names.end(), inherited.names);
  main_->send(encode_frame(local::Kind::kInherited, 0, inherited));
  surroundings_.engine_used();
}

void Session::on_open_lane(bool with_rings) {
  inheritances_.forget(claim_);
  if (lanes_.size() >= options_.lanes_per_task) return answer_open_lane(local::LaneCode::kTooMany, {});
  LaneSlots slots;
  slots.lane = surroundings_.users.take_lane(user_);
  if (!slots.lane) return answer_open_lane(local::LaneCode::kTooMany, {});
  Attachments client_end = open_lane(with_rings, std::move(slots));
  const auto code = client_end.empty() ? local::LaneCode::kOutOfResources : local::LaneCode::kOk;
  answer_open_lane(code, std::move(client_end));
}

// What the client gets of it; nothing if there is no lane. Where rings are not to be had it is one without them.
Attachments Session::open_lane(bool with_rings, LaneSlots slots) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
  base::UniqueFd ours(ends[0]);
  Attachments client_end = attachment_of(base::UniqueFd(ends[1]));
  auto lane = std::make_unique<Lane>(surroundings_, *batch_turns_, *space_, next_lane_++,
                                     static_cast<Lane::Owner&>(*this));
  base::UniqueFd file;
  if (with_rings) surroundings_.users.take_rings(user_, slots);
  std::optional<RingMemory> memory = slots.with_rings() ? RingMemory::make(&file) : std::nullopt;
  if (memory) {
    lane->open(std::move(ours), std::move(*memory), active_lanes_, user_, std::move(slots), options_);
    client_end.push_back(attachment_of(std::move(file)).front());
  } else {
    slots.give_back_rings();
    lane->open(std::move(ours), user_, std::move(slots), options_);
  }
  lanes_.emplace(lane->token(), std::move(lane));
  return client_end;
}

void Session::answer_open_lane(local::LaneCode code, Attachments client_end) {
  const local::LaneOpened opened{static_cast<std::uint32_t>(code), 0};
  main_->send(encode_frame(local::Kind::kLaneOpened, 0, opened), std::move(client_end));
}

void Session::on_open_watch(std::span<const std::byte> payload) {
  const auto request = decode_fixed<local::OpenWatch>(payload);
  if (!request || request->zero != 0) return end("an OpenWatch that is none");
  UserSlot slot = surroundings_.users.take_watch(user_);
  if (!slot) return answer_open_watch(KERN_RESOURCE_SHORTAGE, 0, {});
  const auto watched = surroundings_.engine.watch(*space_, request->name);
  if (!watched.ok()) return answer_open_watch(watched.code(), 0, {});
  open_watch(watched.value(), std::move(slot));
}

void Session::open_watch(const ipc::Watched& watched, UserSlot slot) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    surroundings_.engine.unwatch(*space_, watched.id);
    return answer_open_watch(KERN_RESOURCE_SHORTAGE, 0, {});
  }
  base::UniqueFd theirs(ends[1]);
  const auto watch = std::make_shared<WatchSocket>(surroundings_.io, base::UniqueFd(ends[0]), watched.id,
                                                   std::move(slot), static_cast<WatchSocket::Owner&>(*this));
  watches_.emplace(watched.id, watch);
  watch->start();
  if (watched.signal) watch->send(*watched.signal);
  answer_open_watch(KERN_SUCCESS, watched.id, std::move(theirs));
}

void Session::answer_open_watch(kern_return_t code, ipc::WatchId watch, base::UniqueFd client_end) {
  const local::WatchOpened opened{static_cast<std::uint32_t>(code), watch};
  main_->send(encode_frame(local::Kind::kWatchOpened, 0, opened), attachment_of(std::move(client_end)));
}

void Session::watch_closed(const WatchSocket& watch) {
  const auto [first, last] = watches_.equal_range(watch.id());
  const auto found = std::find_if(first, last, [&](const auto& at) { return at.second.get() == &watch; });
  const ipc::WatchId id = watch.id();
  watches_.erase(found);
  surroundings_.engine.unwatch(*space_, id);
}

void Session::watch_ready(ipc::WatchId watch, std::uint32_t signal) {
  const auto [first, last] = watches_.equal_range(watch);
  std::for_each(first, last, [signal](const auto& at) { at.second->send(signal); });
}

void Session::watch_over(ipc::WatchId watch) {
  const auto [first, last] = watches_.equal_range(watch);
  std::for_each(first, last, [](const auto& at) { at.second->close(); });
  watches_.erase(first, last);
}

// The thread is gone for the engine, and its port with it. A blocked call ends as if interrupted; what it gives back
// stays in the space, as it would if the thread had died while it took its result (spec 03 §14).
void Session::lane_closed(Lane& lane) {
  const bool blocked = lane.outstanding();
  const ipc::OpToken token = lane.token();
  lanes_.erase(token);
  if (blocked) surroundings_.engine.cancel(*space_, token);
  surroundings_.engine.end_thread(*space_, token);
}

void Session::complete(ipc::OpToken token, ipc::MsgResult&& result) {
  const auto lane = lanes_.find(token);
  if (lane != lanes_.end()) lane->second->complete(std::move(result));
}

void Session::end(std::string_view violation) {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  if (!violation.empty()) complain(violation);
  greeting_.reset();
  main_->close();
  for (const auto& [token, lane] : lanes_) lane->close();
  for (const auto& [id, watch] : watches_) watch->close();
  asio::error_code ignored;
  process_.close(ignored);
  inheritances_.forget(claim_);
  if (space_ != nullptr) surroundings_.engine.destroy_space(*std::exchange(space_, nullptr));
  task_.give_back();
  surroundings_.engine_used();
  owner_.on_session_ended(*this);
}

// Counted for the user: a process id is new at each try.
void Session::complain(std::string_view violation) {
  const std::string reason = "pid " + std::to_string(pid_) + ": " + std::string(violation);
  surroundings_.complaints.warn("uid " + std::to_string(user_.uid), "client_ended", reason);
}

TaskRow Session::row() const {
  return {space_ != nullptr ? space_->id() : 0, pid_, user_.uid, static_cast<std::uint32_t>(lanes_.size())};
}

}  // namespace netmsg::session
