// SPDX-License-Identifier: Apache-2.0
#include "daemon/app.h"

#include <grp.h>
#include <sys/resource.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "daemon/app_resolver.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/certificate.h"
#include "daemon/control.h"
#include "daemon/control_grpc_log.h"
#include "daemon/ipc/engine.h"
#include "daemon/link_rounds.h"
#include "daemon/names/name_server.h"
#include "daemon/peer_memory.h"
#include "daemon/session/listener.h"
#include "daemon/session/users.h"
#include "daemon/state_dir.h"
#include "proxy/grpc_poller.h"
#include "proxy/grpc_transport.h"
#include "proxy/proxy.h"
#include "proxy/wire.h"

namespace netmsg::daemon {
namespace {

using base::log;
using base::LogLevel;

constexpr std::chrono::seconds kComplaintPause{10};
constexpr unsigned kNameServerSlot = 0;  // 08 §1
constexpr const char* kSystemGroup = "netmsg";

// Handlers that run before the timer is set anew. More would only make a deadline late that is due meanwhile.
constexpr int kHandlersPerTurn = 64;

// A start that failed, in words. Thrown and caught within this file.
struct StartError {
  std::string text;
};

template <typename T, typename Error>
T value_or_throw(std::variant<T, Error> result) {
  if (auto* error = std::get_if<1>(&result)) {
    if constexpr (std::is_same_v<Error, StateError>)
      throw StartError{error->text};
    else
      throw StartError{*error};
  }
  return std::move(std::get<0>(result));
}

// --- what the parts are made with ---

struct Pems {
  std::string certificate;
  std::string key;
  std::string authority;
};

std::string read_pem(const char* option, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.good() && !file.eof()) throw StartError{std::string(option) + ": cannot read " + path};
  if (text.empty()) throw StartError{std::string(option) + ": " + path + " is empty"};
  return text;
}

Pems read_pems(const std::optional<TlsFiles>& files) {
  if (!files) return {};
  return {read_pem("--tls-cert", files->certificate), read_pem("--tls-key", files->key),
          read_pem("--tls-ca", files->authority)};
}

std::string node_id(const Config& config, const Pems& pems, StateDir& state) {
  if (!config.tls) return value_or_throw(state.node_id(random_node_id()));
  std::string id = node_id_of_certificate(pems.certificate);
  if (id.empty()) {
    throw StartError{"--tls-cert: " + config.tls->certificate +
                     ": no certificate with one URI netmsg:node:<32 hexadecimal digits>"};
  }
  return id;
}

std::uint64_t next_incarnation(StateDir& state) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto wall_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return value_or_throw(
      state.next_incarnation(static_cast<std::uint64_t>(std::max<std::int64_t>(wall_ms, 0))));
}

// The system's sockets belong to the group netmsg where there is one; all others to their user alone.
std::string socket_group(const Config& config) {
  return config.system_socket && ::getgrnam(kSystemGroup) != nullptr ? kSystemGroup : "";
}
mode_t socket_mode(const Config& config) {
  return config.system_socket ? 0660 : 0600;
}

ipc::Limits engine_limits(const Limits& limits) {
  return {limits.names_per_space, limits.inline_bytes, limits.memory_bytes, limits.rights_per_message};
}

// How many this process may have.
std::uint32_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<std::uint32_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20));
}

// Files handed over take a share of the descriptors, and one user a share of that, and another of lanes: no user can
// leave the others without any.
session::UserLimits user_limits(const Limits& limits) {
  session::UserLimits users;
  users.account = {limits.bytes_per_user, limits.ports_per_user};
  users.tasks = limits.tasks_per_user;
  users.watches = limits.watches_per_user;
  users.ring_lanes = limits.ring_lanes_per_user;
  users.windows = limits.windows_per_user;
  users.file_bytes = limits.file_bytes_per_user;
  const std::uint32_t descriptors = descriptor_limit();
  users.files_of_all = descriptors / 8;
  users.files = descriptors / 16;
  users.lanes = descriptors / 4;
  return users;
}

// As above: a share for all peers, and one peer a share of that.
PeerMemory::Limits memory_limits(const Limits& limits) {
  const std::uint32_t descriptors = descriptor_limit();
  return {limits.file_bytes_per_user, descriptors / 16, descriptors / 8};
}

bool is_a_peers(const Config& config, const std::string& host) {
  return std::any_of(config.peers.begin(), config.peers.end(),
                     [&host](const Peer& peer) { return peer.address && peer.address->host == host; });
}

// Loopback addresses are this host's unless the configuration says that a peer is there.
std::vector<std::string> own_hosts(const Config& config) {
  std::vector<std::string> own{config.node, real_surroundings().host_name};
  if (config.listen && config.listen->host != "0.0.0.0" && config.listen->host != "::")
    own.push_back(config.listen->host);
  for (const char* loopback : {"localhost", "127.0.0.1", "::1"}) {
    if (!is_a_peers(config, loopback)) own.emplace_back(loopback);
  }
  return own;
}

names::Options name_options(const Config& config) {
  names::Options options{"netmsgd " NETMSG_VERSION, own_hosts(config), {}, config.look_up_limit};
  for (const Peer& peer : config.peers) {
    options.peers.push_back({peer.name, {}});
    if (peer.address) options.peers.back().aliases.push_back(peer.address->host);
  }
  return options;
}

proxy::GrpcOptions transport_options(const Config& config, const Pems& pems) {
  proxy::GrpcOptions options;
  if (config.listen) options.listen = config.listen->text();
  options.certificate_pem = pems.certificate;
  options.key_pem = pems.key;
  options.ca_pem = pems.authority;
  options.insecure = config.insecure_peers;
  return options;
}

proxy::Options proxy_options(const Config& config, const std::string& id, std::uint64_t incarnation,
                             proxy::Storage& storage) {
  proxy::Options options;
  options.node = proxy::NodeId::from_hex(id).value();
  options.incarnation = incarnation;
  options.name = config.node;
  for (const Peer& peer : config.peers)
    options.peers.push_back({peer.name, peer.address ? peer.address->text() : ""});
  // What is above the protocol's own limits stays on this host.
  options.limits.message_bytes = config.limits.inline_bytes + config.limits.memory_bytes;
  options.limits.rights_per_message = std::min(config.limits.rights_per_message, proxy::kRightsMax);
  options.limits.account = {config.limits.bytes_per_user, config.limits.ports_per_user};
  options.seed = std::random_device{}();
  options.storage = &storage;
  return options;
}

}  // namespace

// Members are in the order of their making; each one may use those above it, also in its destructor.
class App::Parts {
 public:
  explicit Parts(const Config& config);
  ~Parts() { stop(); }

  // Opens all sockets, the control socket last: who finds it finds everything. Throws StartError.
  void open(const Config& config);
  void run();

 private:
  void start_network(const Config& config, const Pems& pems, const std::string& id);
  proxy::Callbacks proxy_callbacks();
  ipc::Name equip(ipc::Space& space);
  void listen(const Config& config);
  void serve_control(const Config& config, const std::string& id);
  std::string listen_address(const Config& config) const;
  void await_signal();
  void arm();
  void on_deadline();
  void stop();

  base::SteadyClock clock_;
  base::Complaints complaints_{clock_, kComplaintPause};
  StateDir state_;
  std::uint64_t incarnation_ = 0;
  session::Users users_;
  PeerMemory peer_memory_;
  ipc::Account names_account_;
  asio::io_context io_{1};
  asio::signal_set signals_{io_};
  asio::steady_timer timer_{io_};
  proxy::GrpcPoller poller_{io_};
  std::optional<base::Instant> armed_;  // what timer_ waits for
  bool stopping_ = false;
  ipc::Engine engine_;
  SystemResolver resolver_;
  std::unique_ptr<names::NameServer> names_;         // ends in stop(), before what its queues are charged to
  std::unique_ptr<proxy::GrpcTransport> transport_;  // null, as the next: networking is off
  std::unique_ptr<proxy::Proxy> proxy_;
  std::unique_ptr<session::Listener> listener_;
  std::unique_ptr<LinkRounds> link_rounds_;
  std::unique_ptr<Control> control_;
};

App::Parts::Parts(const Config& config)
    : state_(value_or_throw(StateDir::open(config.state_dir))),
      users_(user_limits(config.limits)),
      peer_memory_(memory_limits(config.limits)),
      names_account_({config.limits.bytes_per_user, config.limits.ports_per_user}),
      engine_(clock_, engine_limits(config.limits)),
      resolver_(io_, config.look_up_limit),
      names_(std::make_unique<names::NameServer>(engine_, names_account_, name_options(config), &resolver_)) {
}

void App::Parts::open(const Config& config) {
  log_for_grpc();
  await_signal();
  const Pems pems = read_pems(config.tls);
  const std::string id = node_id(config, pems, state_);
  incarnation_ = next_incarnation(state_);
  if (config.networking()) start_network(config, pems, id);
  listen(config);
  serve_control(config, id);
  log(LogLevel::kInfo, "started",
      {{"version", NETMSG_VERSION},
       {"node", config.node},
       {"incarnation", incarnation_},
       {"socket", config.socket_path},
       {"control", config.control_path},
       {"listen", listen_address(config)},
       {"peers", config.peers.size()}});
}

void App::Parts::start_network(const Config& config, const Pems& pems, const std::string& id) {
  transport_ = std::make_unique<proxy::GrpcTransport>(io_, poller_, transport_options(config, pems));
  proxy_ = std::make_unique<proxy::Proxy>(engine_, clock_, *transport_,
                                          proxy_options(config, id, incarnation_, peer_memory_),
                                          names_->network_port(), proxy_callbacks());
  const std::string problem = proxy_->start();
  if (!problem.empty()) throw StartError{"--listen: " + problem};
}

// Deadlines are read anew after each turn of the event loop, so nobody has to be told of them.
proxy::Callbacks App::Parts::proxy_callbacks() {
  proxy::Callbacks callbacks;
  callbacks.peer_up = [this](const proxy::PeerInfo& peer, ipc::SendRight name_service) {
    log(LogLevel::kInfo, "peer_up",
        {{"peer", peer.name}, {"node", peer.node_name}, {"incarnation", peer.incarnation}});
    names_->peer_up(peer.name, peer.node_name, std::move(name_service));
  };
  callbacks.peer_down = [this](const std::string& name, const std::string& reason) {
    log(LogLevel::kInfo, "peer_down", {{"peer", name}, {"reason", reason}});
    names_->peer_down(name);
  };
  callbacks.peer_unreachable = [this](const std::string& name, const std::string& reason) {
    if (stopping_) return;
    complaints_.warn(name, "peer_unreachable", reason);
    names_->peer_unreachable(name);
  };
  callbacks.owe_write = [this] { link_rounds_ ? link_rounds_->owe_write() : proxy_->write(); };
  callbacks.log = [this](const std::string& line) { complaints_.warn(line, "peer", line); };
  return callbacks;
}

// A new task gets the name service, as a name and as its first registered port (08 §1), and nothing else; being the
// first right it is given, it has the same name everywhere.
ipc::Name App::Parts::equip(ipc::Space& space) {
  engine_.register_port(space, kNameServerSlot, names_->local_port());
  const auto name = engine_.insert_send(space, names_->local_port());
  return name.ok() ? name.value() : ipc::kNullName;
}

void App::Parts::listen(const Config& config) {
  const session::Surroundings surroundings{
      io_, engine_, users_, complaints_, [this](ipc::Space& space) { return equip(space); }, [] {}};
  session::ListenerOptions options;
  options.path = config.socket_path;
  options.mode = socket_mode(config);
  options.group = socket_group(config);
  options.inline_max = config.limits.inline_bytes;
  options.memory_max = config.limits.memory_bytes;
  auto opened = session::Listener::open(surroundings, options);
  if (auto* problem = std::get_if<std::string>(&opened)) throw StartError{"--socket: " + *problem};
  listener_ = std::move(std::get<0>(opened));
  if (transport_) link_rounds_ = std::make_unique<LinkRounds>(poller_, *proxy_, listener_->active_lanes());
}

void App::Parts::serve_control(const Config& config, const std::string& id) {
  const ControlSources sources{io_,
                               poller_,
                               clock_,
                               engine_,
                               *names_,
                               *listener_,
                               proxy_.get(),
                               {NETMSG_VERSION, config.node, id, incarnation_, config.socket_path,
                                listen_address(config), config.tls.has_value(), clock_.now()}};
  auto opened = Control::open({config.control_path, socket_mode(config), socket_group(config)}, sources);
  if (auto* problem = std::get_if<std::string>(&opened)) throw StartError{"--control: " + *problem};
  control_ = std::move(std::get<0>(opened));
}

std::string App::Parts::listen_address(const Config& config) const {
  if (!config.listen || !transport_) return {};
  return Endpoint{config.listen->host, static_cast<std::uint16_t>(transport_->port())}.text();
}

void App::Parts::await_signal() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const asio::error_code& error, int signal) {
    if (error) return;
    log(LogLevel::kInfo, "stopping", {{"signal", signal}});
    stopping_ = true;
  });
}

void App::Parts::run() {
  while (!stopping_) {
    arm();
    io_.run_one();
    for (int i = 1; i < kHandlersPerTurn && !stopping_ && io_.poll_one() > 0; ++i) {
    }
  }
  stop();
  log(LogLevel::kInfo, "stopped");
}

// One that is set for an earlier time looks again then: acknowledgements are due and no longer due with each message, and
// to set the timer is a system call.
void App::Parts::arm() {
  std::optional<base::Instant> next = engine_.next_deadline();
  const std::optional<base::Instant> of_proxy = proxy_ ? proxy_->next_deadline() : std::nullopt;
  if (of_proxy && (!next || *of_proxy < *next)) next = of_proxy;
  if (!next || (armed_ && *armed_ <= *next)) return;
  armed_ = next;
  timer_.expires_at(*next);
  timer_.async_wait([this](const asio::error_code& error) {
    if (!error) on_deadline();
  });
}

void App::Parts::on_deadline() {
  armed_.reset();
  engine_.advance();
  if (proxy_) proxy_->tick();
}

// Nobody asks any more, the tasks die, then the sessions with peers end, whose ends the
// name service still hears of; then it dies too. That was the last space: no queue holds
// a peer's message any more, whose charge belongs to an account of the proxy's, when the
// proxy is destroyed. A second signal finds the system's own answer to it. Idempotent.
void App::Parts::stop() {
  asio::error_code ignored;
  signals_.clear(ignored);
  control_.reset();
  link_rounds_.reset();
  if (listener_) listener_->close();
  if (proxy_) proxy_->stop();
  names_.reset();
}

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
App::~App() = default;

std::variant<std::unique_ptr<App>, std::string> App::start(const Config& config) {
  try {
    auto parts = std::make_unique<Parts>(config);
    parts->open(config);
    return std::unique_ptr<App>(new App(std::move(parts)));
  } catch (const StartError& error) {
    return error.text;
  }
}

void App::run() {
  parts_->run();
}

}  // namespace netmsg::daemon
