// SPDX-License-Identifier: Apache-2.0
#include "tests/support/raw_peer.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/sync_stream.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace netmsg::test {

namespace {

constexpr const char* kMethod = "/netmsg.v1.Peer/Session";
constexpr std::chrono::milliseconds kHeartbeat{500};

using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

std::uint64_t next_incarnation() {
  static std::atomic<std::uint64_t> last{1000};
  return ++last;
}

grpc::ByteBuffer buffer_of(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const std::optional<RawPeer::Tls>& tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({tls->authority, tls->key, tls->certificate});
}

}  // namespace

std::string bytes_of_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return bytes;
}

// What outlives a stream.
struct RawPeer::State {
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  v1::Batch heard;  // of this stream, joined
  bool ended = false;
  std::uint64_t applied = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t number = 0;
  std::uint64_t generation = 0;
  v1::Hello hello;
  bool reads = true;
  bool acknowledges = true;
  bool beats = true;
};

// One stream, and the two threads that listen and keep it alive.
struct RawPeer::Link {
  Link(std::shared_ptr<State> of, std::uint16_t port, const std::optional<Tls>& tls) : state(std::move(of)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (tls) arguments.SetSslTargetNameOverride(tls->server);
    channel = grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), credentials(tls), arguments);
    const grpc::internal::RpcMethod method(kMethod, grpc::internal::RpcMethod::BIDI_STREAMING);
    stream.reset(grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
        channel.get(), method, &context));
    listener = std::thread([this] { listen(); });
    heart = std::thread([this] { beat(); });
  }

  ~Link() {
    {
      const std::lock_guard lock(state->mutex);
      over = true;
    }
    state->changed.notify_all();
    context.TryCancel();
    listener.join();
    heart.join();
    (void)stream->Finish();
  }

  void write(const std::string& bytes) {
    const std::lock_guard lock(writing);
    stream->Write(buffer_of(bytes));
  }

  void listen() {
    grpc::ByteBuffer buffer;
    while (may_read() && stream->Read(&buffer)) take(bytes_of(buffer));
    const std::lock_guard lock(state->mutex);
    if (state->reads) state->ended = true;
    state->changed.notify_all();
  }

  bool may_read() {
    const std::lock_guard lock(state->mutex);
    return state->reads && !over;
  }

  void take(const std::string& bytes) {
    v1::Batch batch;
    if (!batch.ParseFromString(bytes)) return;
    {
      const std::lock_guard lock(state->mutex);
      for (const v1::Frame& frame : batch.frames()) state->applied = frame.number();
      state->heard.MergeFrom(batch);
    }
    state->changed.notify_all();
    if (batch.frames_size() > 0) acknowledge();
  }

  // Both threads come here: what they say must not decrease.
  void acknowledge() {
    const std::lock_guard one_at_a_time(writing);
    v1::Batch batch;
    {
      const std::lock_guard lock(state->mutex);
      if (state->acknowledges) state->acknowledged = state->applied;
      batch.set_applied(state->acknowledged);
    }
    stream->Write(buffer_of(batch.SerializeAsString()));
  }

  // Only after the Hello has been answered.
  void beat() {
    std::unique_lock lock(state->mutex);
    while (!state->changed.wait_for(lock, kHeartbeat, [this] { return over; })) {
      if (!state->beats || state->ended || !state->heard.has_hello()) continue;
      lock.unlock();
      acknowledge();
      lock.lock();
    }
  }

  std::shared_ptr<State> state;
  std::shared_ptr<grpc::Channel> channel;
  grpc::ClientContext context;
  std::unique_ptr<Stream> stream;
  std::mutex writing;
  bool over = false;
  std::thread listener;
  std::thread heart;
};

RawPeer::RawPeer(std::uint16_t port, std::optional<Tls> tls)
    : state_(std::make_shared<State>()), incarnation_(next_incarnation()), port_(port), tls_(std::move(tls)) {
  dial();
}
RawPeer::~RawPeer() = default;

void RawPeer::dial() {
  link_.reset();
  {
    const std::lock_guard lock(state_->mutex);
    state_->heard.Clear();
    state_->ended = false;
  }
  link_ = std::make_unique<Link>(state_, port_, tls_);
}

v1::Hello RawPeer::hello(const Who& who) const {
  const std::lock_guard lock(state_->mutex);
  v1::Hello hello;
  hello.set_version_min(1);
  hello.set_version_max(1);
  hello.set_node(who.node);
  hello.set_incarnation(who.incarnation.value_or(incarnation_));
  hello.set_name(who.name);
  hello.set_generation(++state_->generation);
  hello.set_nonce(1);
  hello.set_message_bytes_max(1U << 20);
  hello.set_rights_max(1024);
  hello.set_bulk_window(1U << 20);
  hello.set_name_service_room(5);
  return hello;
}

bool RawPeer::open(const v1::Hello& hello) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->hello = hello;
  }
  v1::Batch batch;
  *batch.mutable_hello() = hello;
  say(batch);
  return hears([](const v1::Batch& heard) { return heard.has_hello(); });
}

void RawPeer::cut() {
  link_.reset();
  const std::lock_guard lock(state_->mutex);
  state_->ended = true;
}

void RawPeer::leave() {
  v1::Batch batch;
  batch.mutable_fence()->set_code(v1::Fence::STOPPED);
  say(batch);
  hears([](const v1::Batch&) { return false; }, std::chrono::seconds(2));
}

bool RawPeer::resume(std::uint64_t nonce, std::uint64_t applied) {
  v1::Hello hello;
  {
    const std::lock_guard lock(state_->mutex);
    hello = state_->hello;
    hello.set_generation(++state_->generation);
  }
  hello.set_nonce(nonce);
  hello.set_resume(true);
  hello.set_resume_applied(applied);
  dial();
  return open(hello);
}

void RawPeer::say(v1::Frame frame) {
  {
    const std::lock_guard lock(state_->mutex);
    frame.set_number(++state_->number);
  }
  v1::Batch batch;
  *batch.add_frames() = std::move(frame);
  say(batch);
}

void RawPeer::say(const v1::Batch& batch) {
  say_bytes(batch.SerializeAsString());
}

void RawPeer::say_bytes(const std::string& bytes) {
  if (link_) link_->write(bytes);
}

void RawPeer::stop_reading() {
  const std::lock_guard lock(state_->mutex);
  state_->reads = false;
}
void RawPeer::stop_acknowledging() {
  const std::lock_guard lock(state_->mutex);
  state_->acknowledges = false;
}
void RawPeer::stop_heartbeats() {
  const std::lock_guard lock(state_->mutex);
  state_->beats = false;
}

bool RawPeer::hears(const Condition& condition, std::chrono::milliseconds patience) const {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_for(lock, patience, [&] {
    return condition(state_->heard) || state_->ended;
  }) && condition(state_->heard);
}

v1::Batch RawPeer::heard() const {
  const std::lock_guard lock(state_->mutex);
  return state_->heard;
}

std::optional<v1::Fence> RawPeer::fenced(std::chrono::milliseconds patience) const {
  const auto is_fenced = [](const v1::Batch& heard) { return heard.has_fence(); };
  if (!hears(is_fenced, patience)) return std::nullopt;
  return heard().fence();
}

bool RawPeer::ended() const {
  const std::lock_guard lock(state_->mutex);
  return state_->ended;
}

std::uint64_t RawPeer::next_number() const {
  const std::lock_guard lock(state_->mutex);
  return state_->number + 1;
}

}  // namespace netmsg::test
