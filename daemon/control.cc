// SPDX-License-Identifier: Apache-2.0
#include "daemon/control.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <map>
#include <utility>

#include "daemon/control_server.h"
#include "daemon/port_view.h"
#include "daemon/session/listen_socket.h"
#include "netmsg/v1/control.pb.h"

namespace netmsg::daemon {
namespace {

// A handler that the event loop has found ready when a call comes in runs before what that call posts the
// third time: after the first post the loop looks at all descriptors once, after the second their handlers
// are in front.
constexpr int kPassesToSettle = 3;

// How long it waits for a descriptor to become free before it accepts again.
constexpr std::chrono::milliseconds kAcceptPause{100};

std::uint64_t milliseconds(std::chrono::nanoseconds span) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

// --- one function for each call ---

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

grpc::Status fill_status(const ControlSources& from, const v1::StatusRequest&, v1::StatusReply& to) {
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

grpc::Status fill_tasks(const ControlSources& from, const v1::TasksRequest&, v1::TasksReply& to) {
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

grpc::Status fill_ports(const ControlSources& from, const v1::PortsRequest& what, v1::PortsReply& to) {
  const std::uint64_t task = what.task();
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

grpc::Status fill_peers(const ControlSources& from, const v1::PeersRequest&, v1::PeersReply& to) {
  if (from.proxy == nullptr) return grpc::Status::OK;
  for (const proxy::PeerRow& row : from.proxy->peers()) {
    fill_peer(row, *to.add_peers());
    fill_ceilings(from.proxy->limits(), *to.mutable_peers()->rbegin()->mutable_ceilings());
  }
  return grpc::Status::OK;
}

grpc::Status fill_names(const ControlSources& from, const v1::NamesRequest&, v1::NamesReply& to) {
  for (const names::Registry::Row& row : from.names.rows()) {
    v1::Name& name = *to.add_names();
    name.set_name(row.name);
    name.set_port(row.port);
    name.set_is_protected(row.signature != ipc::kNullName);
  }
  return grpc::Status::OK;
}

grpc::Status fill_audit(const ControlSources& from, const v1::AuditRequest&, v1::AuditReply& to) {
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

grpc::Status fill_counters(const ControlSources& from, const v1::CountersRequest&, v1::CountersReply& to) {
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

// --- gRPC's side ---

template <typename Request, typename Reply>
using Fill = grpc::Status (*)(const ControlSources&, const Request&, Reply&);

template <typename Request, typename Reply>
ControlServer::Method method(const ControlSources& from, Fill<Request, Reply> fill, int passes = 1) {
  return {passes, [&from, fill](grpc::ByteBuffer& asked, grpc::ByteBuffer& answer) {
            Request request;
            Reply reply;
            if (!grpc::SerializationTraits<Request>::Deserialize(&asked, &request).ok())
              return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "malformed request");
            const grpc::Status status = fill(from, request, reply);
            bool owned = false;
            return status.ok() ? grpc::SerializationTraits<Reply>::Serialize(reply, &answer, &owned) : status;
          }};
}

ControlServer::Methods methods(const ControlSources& from) {
  return {
      {"/netmsg.v1.Control/Status", method(from, fill_status)},
      {"/netmsg.v1.Control/Tasks", method(from, fill_tasks)},
      {"/netmsg.v1.Control/Ports", method(from, fill_ports)},
      {"/netmsg.v1.Control/View", method(from, fill_view)},
      {"/netmsg.v1.Control/Peers", method(from, fill_peers)},
      {"/netmsg.v1.Control/Names", method(from, fill_names)},
      {"/netmsg.v1.Control/Audit", method(from, fill_audit)},
      {"/netmsg.v1.Control/Counters", method(from, fill_counters, kPassesToSettle)},
  };
}

}  // namespace

class Control::Server {
 public:
  Server(ControlSources sources, session::ListenSocket socket)
      : sources_(std::move(sources)),
        socket_(std::move(socket)),
        accepting_(sources_.io),
        pause_(sources_.io),
        grpc_(sources_.io, sources_.poller, methods(sources_)) {}

  ~Server() { accepting_.release(); }  // the descriptor is socket_'s

  bool start() {
    if (!grpc_.start()) return false;
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
      if (fd >= 0) grpc_.take(fd);
      accept_next();
    });
  }

  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](const asio::error_code& error) {
      if (!error) accept_next();
    });
  }

  const ControlSources sources_;
  session::ListenSocket socket_;
  asio::posix::stream_descriptor accepting_;
  asio::steady_timer pause_;
  ControlServer grpc_;
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
