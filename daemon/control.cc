// SPDX-License-Identifier: Apache-2.0
#include "daemon/control.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <functional>
#include <future>
#include <map>
#include <utility>

#include "daemon/port_view.h"
#include "daemon/session/listen_socket.h"
#include "netmsg/v1/control.grpc.pb.h"

namespace netmsg::daemon {
namespace {

// A handler that the event loop has found ready when a call comes in runs before what that call posts the
// third time: after the first post the loop looks at all descriptors once, after the second their handlers
// are in front.
constexpr int kPassesToSettle = 3;

// How long a stop lets calls finish before it cancels them.
constexpr std::chrono::milliseconds kShutdownGrace{200};

// How long it waits for a descriptor to become free before it accepts again.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::uint64_t milliseconds(std::chrono::nanoseconds span) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

// Carries work to the owner thread and waits for it there. Any thread.
class Owner {
 public:
  explicit Owner(asio::io_context& io) : io_(io) {}

  // Runs `fill` on the owner thread after `passes` turns through its event loop, and moves its answer to
  // `reply`. The answer is shared until then: a call that has given up leaves nothing behind that `fill`
  // could still write to.
  template <typename Reply>
  grpc::Status run(Reply* reply, int passes, std::function<grpc::Status(Reply&)> fill) const {
    auto answer = std::make_shared<Reply>();
    auto status = std::make_shared<std::promise<grpc::Status>>();
    std::future<grpc::Status> done = status->get_future();
    post(passes, [open = open_, answer, status, fill = std::move(fill)] {
      status->set_value(*open ? fill(*answer)
                              : grpc::Status(grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"));
    });
    if (done.wait_for(Control::kCallLimit) != std::future_status::ready) {
      return {grpc::StatusCode::DEADLINE_EXCEEDED, "the daemon is busy or stopping"};
    }
    reply->Swap(answer.get());
    return done.get();
  }

  // Owner thread: no `fill` runs any more.
  void close() { *open_ = false; }

 private:
  void post(int passes, std::function<void()> work) const {
    asio::post(io_, [this, open = open_, passes, work = std::move(work)]() mutable {
      if (passes <= 1 || !*open) return work();
      post(passes - 1, std::move(work));
    });
  }

  asio::io_context& io_;
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);  // read and written on the owner thread only
};

// --- one function for each call; owner thread ---

v1::Network network(const ControlSources& from) {
  if (from.proxy == nullptr) return v1::NETWORK_OFF;
  return from.facts.tls ? v1::NETWORK_TLS : v1::NETWORK_PLAINTEXT;
}

void count_peers(const ControlSources& from, v1::StatusReply& to) {
  if (from.proxy == nullptr) return;
  for (const proxy::PeerRow& peer : from.proxy->peers()) {
    to.set_peers(to.peers() + 1);
    if (peer.state == "open") to.set_peers_open(to.peers_open() + 1);
  }
}

grpc::Status fill_status(const ControlSources& from, v1::StatusReply& to) {
  to.set_version(from.facts.version);
  to.set_node(from.facts.node);
  to.set_node_id(from.facts.node_id);
  to.set_incarnation(from.facts.incarnation);
  to.set_pid(::getpid());
  to.set_uptime_ms(milliseconds(from.clock.now() - from.facts.started));
  to.set_socket(from.facts.socket);
  to.set_listen(from.facts.listen);
  to.set_network(network(from));
  to.set_tasks(static_cast<std::uint32_t>(from.listener.tasks().size()));
  count_peers(from, to);
  to.set_names(static_cast<std::uint32_t>(from.names.rows().size()));
  to.set_look_ups(static_cast<std::uint32_t>(from.names.pending()));
  to.set_messages_sent(from.engine.counters().messages_sent);
  to.set_messages_received(from.engine.counters().messages_received);
  to.set_log_lines_dropped(base::log_lines_dropped());
  return grpc::Status::OK;
}

grpc::Status fill_tasks(const ControlSources& from, v1::TasksReply& to) {
  std::map<std::uint64_t, session::TaskRow> clients;
  for (const session::TaskRow& row : from.listener.tasks()) clients.emplace(row.space, row);
  for (const ipc::SpaceRow& space : from.engine.spaces()) {
    v1::Task& task = *to.add_tasks();
    task.set_id(space.id);
    task.set_label(space.label);
    task.set_names(space.names);
    task.set_blocked_calls(space.blocked_calls);
    const auto client = clients.find(space.id);
    if (client == clients.end()) continue;
    task.set_pid(client->second.pid);
    task.set_uid(client->second.uid);
    task.set_lanes(client->second.lanes);
  }
  return grpc::Status::OK;
}

void add_ports(const ControlSources& from, std::uint64_t task, const ipc::Space& space, v1::PortsReply& to) {
  for (const ipc::PortRow& row : from.engine.ports(space)) {
    v1::Port& port = *to.add_ports();
    port.set_task(task);
    port.set_name(row.name);
    port.set_type(row.type);
    port.set_urefs(row.urefs);
    port.set_queued(row.queued);
    port.set_qlimit(row.qlimit);
    port.set_remote(row.remote);
  }
}

grpc::Status fill_ports(const ControlSources& from, std::uint64_t task, v1::PortsReply& to) {
  if (task != 0) {
    const ipc::Space* space = from.engine.find_space(task);
    if (space == nullptr) return {grpc::StatusCode::NOT_FOUND, "there is no task " + std::to_string(task)};
    add_ports(from, task, *space, to);
    return grpc::Status::OK;
  }
  for (const ipc::SpaceRow& row : from.engine.spaces())
    add_ports(from, row.id, *from.engine.find_space(row.id), to);
  return grpc::Status::OK;
}

grpc::Status fill_view(const ControlSources& from, const v1::ViewRequest& what, v1::PortView& to) {
  const ViewSources sources{from.engine, from.proxy, from.facts.node, from.facts.node_id,
                            from.facts.incarnation};
  std::optional<v1::PortView> view =
      what.uid().empty() ? view_of_name(sources, what.task(), what.name()) : view_of_uid(sources, what.uid());
  if (!view) return {grpc::StatusCode::NOT_FOUND, "nothing of that name here"};
  to.Swap(&*view);
  return grpc::Status::OK;
}

void fill_fence(const proxy::FenceRow& from, v1::LastFence& to) {
  to.set_code(from.code);
  to.set_text(from.text);
  to.set_theirs(from.theirs);
  to.set_ago_ms(milliseconds(from.ago));
}

void fill_ceilings(const proxy::PeerLimits& from, v1::Ceilings& to) {
  to.set_proxies(from.proxies);
  to.set_exports(from.exports);
  to.set_send_once_units(from.send_once_units);
  to.set_kept_bytes(from.unacknowledged);
  to.set_queued_bytes(from.account.bytes);
}

void fill_peer(const proxy::PeerRow& from, v1::Peer& to) {
  to.set_name(from.name);
  to.set_address(from.address);
  to.set_state(from.state);
  to.set_node_id(from.node);
  to.set_node(from.node_name);
  to.set_incarnation(from.incarnation);
  to.set_age_ms(milliseconds(from.age));
  to.set_frames_sent(from.frames_sent);
  to.set_frames_applied(from.frames_applied);
  to.set_unacknowledged(from.unacknowledged);
  to.set_proxies(from.proxies);
  to.set_exports(from.exports);
  to.set_send_once_units(from.send_once_units);
  to.set_last_error(from.last_error);
  to.set_dead_introductions(from.dead_introductions.count);
  to.set_last_dead_introduction(from.dead_introductions.last);
  if (from.last_fence) fill_fence(*from.last_fence, *to.mutable_last_fence());
  to.set_lease_left_ms(milliseconds(from.lease_left));
  to.set_kept_bytes(from.kept_bytes);
  to.set_congested(from.congested);
  to.set_queued_bytes(from.queued_bytes);
}

grpc::Status fill_peers(const ControlSources& from, v1::PeersReply& to) {
  if (from.proxy == nullptr) return grpc::Status::OK;
  for (const proxy::PeerRow& row : from.proxy->peers()) {
    fill_peer(row, *to.add_peers());
    fill_ceilings(from.proxy->limits(), *to.mutable_peers()->rbegin()->mutable_ceilings());
  }
  return grpc::Status::OK;
}

grpc::Status fill_names(const ControlSources& from, v1::NamesReply& to) {
  for (const names::Registry::Row& row : from.names.rows()) {
    v1::Name& name = *to.add_names();
    name.set_name(row.name);
    name.set_port(row.port);
    name.set_is_protected(row.signature != ipc::kNullName);
  }
  return grpc::Status::OK;
}

grpc::Status fill_audit(const ControlSources& from, v1::AuditReply& to) {
  const base::Instant begin = from.clock.now();
  for (const std::string& line : from.engine.audit()) to.add_imbalances(line);
  to.set_micros(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(from.clock.now() - begin).count()));
  return grpc::Status::OK;
}

std::uint64_t timers_due(const ControlSources& from) {
  const auto due = [now = from.clock.now()](std::optional<base::Instant> deadline) {
    return deadline && *deadline <= now ? 1U : 0U;
  };
  return due(from.engine.next_deadline()) + (from.proxy == nullptr ? 0U : due(from.proxy->next_deadline()));
}

void fill_exchanged(const proxy::PeerRow& from, v1::Exchanged& to) {
  to.set_node_id(from.node);
  to.set_frames_sent(from.frames_sent);
  to.set_frames_applied(from.frames_applied);
}

grpc::Status fill_counters(const ControlSources& from, v1::CountersReply& to) {
  const ipc::Counters& engine = from.engine.counters();
  const proxy::Counters frames = from.proxy == nullptr ? proxy::Counters{} : from.proxy->counters();
  to.set_events(engine.events);
  to.set_messages_sent(engine.messages_sent);
  to.set_messages_received(engine.messages_received);
  to.set_frames_sent(frames.frames_sent);
  to.set_frames_applied(frames.frames_applied);
  to.set_unacknowledged(frames.unacknowledged);
  to.set_timers_due(timers_due(from));
  to.set_node_id(from.facts.node_id);
  if (from.proxy == nullptr) return grpc::Status::OK;
  for (const proxy::PeerRow& row : from.proxy->peers()) {
    if (row.state == "open") fill_exchanged(row, *to.add_peers());
  }
  return grpc::Status::OK;
}

// --- gRPC's side; its threads ---

class Service final : public v1::Control::Service {
 public:
  explicit Service(ControlSources sources) : sources_(std::move(sources)), owner_(sources_.io) {}
  void close() { owner_.close(); }
  asio::io_context& io() { return sources_.io; }

 private:
  template <typename Reply>
  grpc::Status ask(Reply* reply, grpc::Status (*fill)(const ControlSources&, Reply&), int passes = 1) {
    return owner_.run<Reply>(reply, passes, [this, fill](Reply& to) { return fill(sources_, to); });
  }

  grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest*, v1::StatusReply* reply) override {
    return ask(reply, fill_status);
  }
  grpc::Status Tasks(grpc::ServerContext*, const v1::TasksRequest*, v1::TasksReply* reply) override {
    return ask(reply, fill_tasks);
  }
  grpc::Status Ports(grpc::ServerContext*, const v1::PortsRequest* request, v1::PortsReply* reply) override {
    return owner_.run<v1::PortsReply>(reply, 1, [this, task = request->task()](v1::PortsReply& to) {
      return fill_ports(sources_, task, to);
    });
  }
  grpc::Status View(grpc::ServerContext*, const v1::ViewRequest* request, v1::PortView* reply) override {
    return owner_.run<v1::PortView>(
        reply, 1, [this, what = *request](v1::PortView& to) { return fill_view(sources_, what, to); });
  }
  grpc::Status Peers(grpc::ServerContext*, const v1::PeersRequest*, v1::PeersReply* reply) override {
    return ask(reply, fill_peers);
  }
  grpc::Status Names(grpc::ServerContext*, const v1::NamesRequest*, v1::NamesReply* reply) override {
    return ask(reply, fill_names);
  }
  grpc::Status Audit(grpc::ServerContext*, const v1::AuditRequest*, v1::AuditReply* reply) override {
    return ask(reply, fill_audit);
  }
  grpc::Status Counters(grpc::ServerContext*, const v1::CountersRequest*, v1::CountersReply* reply) override {
    return ask(reply, fill_counters, kPassesToSettle);
  }

  const ControlSources sources_;
  Owner owner_;
};

std::unique_ptr<grpc::Server> start_grpc(Service& service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
  grpc::ResourceQuota quota("control");
  builder.SetResourceQuota(quota.SetMaxThreads(16));
  return builder.BuildAndStart();
}

}  // namespace

class Control::Server {
 public:
  Server(ControlSources sources, session::ListenSocket socket)
      : service_(std::move(sources)),
        socket_(std::move(socket)),
        accepting_(service_.io()),
        pause_(service_.io()) {}

  ~Server() {
    service_.close();
    accepting_.release();  // the descriptor is socket_'s
    if (grpc_) grpc_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }

  bool start() {
    grpc_ = start_grpc(service_);
    if (!grpc_) return false;
    accepting_.assign(socket_.fd());
    accept_next();
    return true;
  }

 private:
  void accept_next() {
    accepting_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
      if (error) return;  // released: this object is gone or going
      const int fd = ::accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
        return accept_later();
      if (fd >= 0) grpc::AddInsecureChannelFromFd(grpc_.get(), fd);
      accept_next();
    });
  }

  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](const asio::error_code& error) {
      if (!error) accept_next();
    });
  }

  Service service_;
  session::ListenSocket socket_;
  asio::posix::stream_descriptor accepting_;
  asio::steady_timer pause_;
  std::unique_ptr<grpc::Server> grpc_;
};

Control::Control(std::unique_ptr<Server> server) : server_(std::move(server)) {}
Control::~Control() = default;

std::variant<std::unique_ptr<Control>, std::string> Control::open(const ControlOptions& options,
                                                                  ControlSources sources) {
  auto socket = session::ListenSocket::open(options.path, options.mode, options.group);
  if (auto* error = std::get_if<std::string>(&socket)) return *error;
  auto server =
      std::make_unique<Server>(std::move(sources), std::move(std::get<session::ListenSocket>(socket)));
  if (!server->start()) return options.path + ": gRPC cannot serve there";
  return std::unique_ptr<Control>(new Control(std::move(server)));
}

}  // namespace netmsg::daemon
