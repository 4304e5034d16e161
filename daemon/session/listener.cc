// SPDX-License-Identifier: Apache-2.0
#include "daemon/session/listener.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "daemon/session/active_lanes.h"
#include "daemon/session/identity.h"
#include "daemon/session/inheritances.h"
#include "daemon/session/listen_socket.h"
#include "daemon/session/session.h"

namespace netmsg::session {

namespace {

constexpr int kAcceptsPerTurn = 16;
// How long new connections wait when the daemon has no descriptor left for them.
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}
// The connection was gone before it was taken, or a signal came: the next one may be well.
bool is_passing(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPROTO;
}

}  // namespace

class Listener::Impl final : public std::enable_shared_from_this<Impl>, private Session::Owner {
 public:
  Impl(const Surroundings& surroundings, const ListenerOptions& options, ListenSocket socket)
      : surroundings_(surroundings),
        options_(options),
        socket_(std::move(socket)),
        acceptor_(surroundings.io, ::fcntl(socket_->fd(), F_DUPFD_CLOEXEC, 0)),
        pause_(surroundings.io),
        inheritances_(surroundings_) {}

  void start() { wait(); }

  void close() {
    asio::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    socket_.reset();
    for (const auto& [session, owned] : std::exchange(sessions_, {})) session->end("");
    inheritances_.close();
  }

  const std::shared_ptr<ActiveLanes>& active_lanes() const { return active_lanes_; }

  std::vector<TaskRow> tasks() const {
    std::vector<TaskRow> rows;
    for (const auto& [session, owned] : sessions_)
      if (session->attached()) rows.push_back(session->row());
    return rows;
  }

 private:
  void wait() {
    acceptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [self = shared_from_this()](const asio::error_code& error) {
                           if (!error && self->socket_) self->accept_turn();
                         });
  }

  void accept_turn() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      base::UniqueFd connection(::accept4(socket_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      const int error = errno;
      if (connection)
        admit(std::move(connection));
      else if (would_block(error))
        break;
      else if (!is_passing(error))
        return pause(error);
    }
    wait();
  }

  void pause(int error) {
    surroundings_.complaints.warn("listener", "cannot_accept", std::strerror(error));
    pause_.expires_after(kPauseWithoutDescriptors);
    pause_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
      if (!cancelled && self->socket_) self->wait();
    });
  }

  // Who has too many unfinished greetings, or whom the kernel does not name, is turned away without a word:
  // saying one would cost what the limit is there to save.
  void admit(base::UniqueFd connection) {
    auto identity = identify(connection.get());
    if (!identity) return;
    User& user = surroundings_.users.find(identity->uid);
    UserSlot handshake = surroundings_.users.take_handshake(user);
    if (!handshake) return complain(user, "too many connections that have not said Hello");
    const auto session = std::make_shared<Session>(
        surroundings_, options_, inheritances_, active_lanes_, batch_turns_, std::move(connection),
        std::move(*identity), user, std::move(handshake), static_cast<Session::Owner&>(*this));
    sessions_.emplace(session.get(), session);
    session->start();
  }

  void complain(const User& user, const char* reason) {
    surroundings_.complaints.warn("uid " + std::to_string(user.uid), "client_refused", reason);
  }

  void on_session_ended(Session& session) override {
    const auto found = sessions_.find(&session);
    if (found == sessions_.end()) return;  // close() is at it
    asio::post(surroundings_.io, [ended = std::move(found->second)] {});
    sessions_.erase(found);
  }

  const Surroundings surroundings_;
  const ListenerOptions options_;
  std::optional<ListenSocket> socket_;       // empty: closed
  asio::posix::stream_descriptor acceptor_;  // a copy of it, for waiting
  asio::steady_timer pause_;
  Inheritances inheritances_;
  const std::shared_ptr<ActiveLanes> active_lanes_ = std::make_shared<ActiveLanes>(surroundings_.io);
  const std::shared_ptr<BatchTurns> batch_turns_ = std::make_shared<BatchTurns>(active_lanes_);
  std::map<Session*, std::shared_ptr<Session>> sessions_;
};

std::variant<std::unique_ptr<Listener>, std::string> Listener::open(const Surroundings& surroundings,
                                                                    const ListenerOptions& options) {
  auto socket = ListenSocket::open(options.path, options.mode, options.group);
  if (auto* error = std::get_if<std::string>(&socket)) return *error;
  auto impl = std::make_shared<Impl>(surroundings, options, std::move(std::get<ListenSocket>(socket)));
  impl->start();
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
  close();
}
void Listener::close() {
  impl_->close();
}
const std::shared_ptr<ActiveLanes>& Listener::active_lanes() const {
  return impl_->active_lanes();
}
std::vector<TaskRow> Listener::tasks() const {
  return impl_->tasks();
}

}  // namespace netmsg::session
