// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fault_link.h"

#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <deque>
#include <functional>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace netmsg::test {

namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kPiece = 16U << 10;
constexpr std::uint32_t kThrottledSteps = 20;  // pieces a second

// How one way of the link is, for all connections.
struct Condition {
  bool held = false;
  std::chrono::milliseconds delay{0};
  std::uint32_t bytes_per_second = 0;  // 0: as fast as it goes
  std::uint64_t passed = 0;
};

tcp::endpoint loopback(std::uint16_t port) {
  return {asio::ip::address_v4::loopback(), port};
}

// Closes so that the other end is told of a reset, not of an end.
void reset_socket(tcp::socket& socket) {
  asio::error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

// Who has two pipes.
class PipeOwner {
 public:
  virtual void pipe_ended() = 0;   // its end has been handed on like the bytes before
  virtual void pipe_broken() = 0;  // one of the sockets is

 protected:
  ~PipeOwner() = default;
};

// One way of one connection. Its owner outlives what is pending (`keep`).
class Pipe {
 public:
  using Keep = std::shared_ptr<void>;

  Pipe(tcp::socket& from, tcp::socket& to, Condition& condition, PipeOwner& owner)
      : from_(from), to_(to), condition_(condition), owner_(owner), timer_(from.get_executor()) {}

  bool over() const { return told_end_; }
  std::size_t waiting() const { return waiting_; }

  void read(const Keep& keep) {
    if (reading_ || ended_ || waiting_ >= FaultLink::kRoom) return;
    reading_ = true;
    from_.async_read_some(asio::buffer(room_), [this, keep](asio::error_code error, std::size_t size) {
      reading_ = false;
      take(error, size);
      read(keep);
      write(keep);
    });
  }

  // Hands on what may be handed on now.
  void write(const Keep& keep) {
    if (writing_ || condition_.held || told_end_) return;
    if (pieces_.empty()) return tell_end();
    if (const Clock::time_point due = std::max(pieces_.front().due, free_again_); due > Clock::now())
      return write_later(due, keep);
    cut_to_size(pieces_.front().bytes);
    writing_ = true;
    asio::async_write(to_, asio::buffer(handed_), [this, keep](asio::error_code error, std::size_t size) {
      writing_ = false;
      if (error) return owner_.pipe_broken();
      count(size);
      read(keep);
      write(keep);
    });
  }

  // The end, as if the source had said it.
  void end(const Keep& keep) {
    ended_ = true;
    write(keep);
  }

  void stop() { timer_.cancel(); }

 private:
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };

  void take(asio::error_code error, std::size_t size) {
    if (error) ended_ = true;
    if (error && error != asio::error::eof) return owner_.pipe_broken();
    if (size == 0) return;
    pieces_.push_back({Clock::now() + condition_.delay, std::string(room_.data(), size)});
    waiting_ += size;
  }

  void cut_to_size(std::string& bytes) {
    const std::size_t most = condition_.bytes_per_second == 0
                                 ? bytes.size()
                                 : std::max(1U, condition_.bytes_per_second / kThrottledSteps);
    handed_ = bytes.substr(0, most);
    bytes.erase(0, handed_.size());
    if (bytes.empty()) pieces_.pop_front();
  }

  void count(std::size_t size) {
    waiting_ -= size;
    condition_.passed += size;
    if (condition_.bytes_per_second == 0) return;
    free_again_ =
        Clock::now() + std::chrono::microseconds(1000000 * std::uint64_t{size} / condition_.bytes_per_second);
  }

  void write_later(Clock::time_point due, const Keep& keep) {
    timer_.expires_at(due);
    timer_.async_wait([this, keep](asio::error_code error) {
      if (!error) write(keep);
    });
  }

  void tell_end() {
    if (!ended_) return;
    told_end_ = true;
    asio::error_code ignored;
    to_.shutdown(tcp::socket::shutdown_send, ignored);
    owner_.pipe_ended();
  }

  tcp::socket& from_;
  tcp::socket& to_;
  Condition& condition_;
  PipeOwner& owner_;
  asio::steady_timer timer_;
  std::array<char, kPiece> room_;
  std::deque<Piece> pieces_;
  std::string handed_;
  std::size_t waiting_ = 0;
  Clock::time_point free_again_{};
  bool reading_ = false;
  bool writing_ = false;
  bool ended_ = false;     // nothing more is taken
  bool told_end_ = false;  // and the other end knows
};

class Connection final : public std::enable_shared_from_this<Connection>, private PipeOwner {
 public:
  Connection(tcp::socket dialer, Condition (&ways)[2], std::function<void(Connection&)> over)
      : dialer_(std::move(dialer)),
        listener_(dialer_.get_executor()),
        over_(std::move(over)),
        pipes_{Pipe(dialer_, listener_, ways[0], *this), Pipe(listener_, dialer_, ways[1], *this)} {}

  void start(std::uint16_t target) {
    listener_.async_connect(loopback(target), [this, keep = shared_from_this()](asio::error_code error) {
      if (error) return reset();
      set_no_delay();
      for (Pipe& pipe : pipes_) pipe.read(keep);
    });
  }

  void reset() {
    if (!dialer_.is_open() && !listener_.is_open()) return;
    for (Pipe& pipe : pipes_) pipe.stop();
    reset_socket(dialer_);
    reset_socket(listener_);
    over_(*this);
  }

  // The link's condition has changed.
  void go_on() {
    const auto keep = shared_from_this();  // it may be over with the first one
    for (Pipe& pipe : pipes_) pipe.write(keep);
  }
  void half_close(unsigned way) { pipes_[way].end(shared_from_this()); }
  std::size_t waiting(unsigned way) const { return pipes_[way].waiting(); }

 private:
  void set_no_delay() {
    asio::error_code ignored;
    dialer_.set_option(tcp::no_delay(true), ignored);
    listener_.set_option(tcp::no_delay(true), ignored);
  }

  void pipe_broken() override { reset(); }
  // Both ends have been said: what comes after them changes nothing.
  void pipe_ended() override {
    if (pipes_[0].over() && pipes_[1].over()) reset();
  }

  tcp::socket dialer_;
  tcp::socket listener_;
  const std::function<void(Connection&)> over_;
  std::array<Pipe, 2> pipes_;
};

}  // namespace

// Everything below happens on its thread, except what the test calls.
class FaultLink::Relay {
 public:
  explicit Relay(std::uint16_t target)
      : target_(target), acceptor_(io_, loopback(0)), port_(acceptor_.local_endpoint().port()) {
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Relay() {
    on_thread([this] {
      acceptor_.close();
      reset_all();
    });
    thread_.join();
  }

  std::uint16_t port() const { return port_; }

  // Runs it on the thread, waits until it is done, and returns what it returns.
  template <typename Work>
  auto on_thread(Work work) -> decltype(work()) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto done = task.get_future();
    asio::post(io_, [&task] { task(); });
    return done.get();
  }

  Condition& way(Way which) { return ways_[static_cast<unsigned>(which)]; }
  const std::set<std::shared_ptr<Connection>>& connections() const { return connections_; }

  void go_on() {
    for (const auto& connection : std::set(connections_)) connection->go_on();
  }
  void half_close(Way which) {
    for (const auto& connection : std::set(connections_)) {
      connection->half_close(static_cast<unsigned>(which));
    }
  }
  void reset_all() {
    for (const auto& connection : std::set(connections_)) connection->reset();
  }
  void cut(bool on) { cut_ = on; }
  void heal() {
    cut_ = false;
    for (Condition& condition : ways_) condition = {.passed = condition.passed};
    go_on();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](asio::error_code error, tcp::socket socket) {
      if (error) return;
      cut_ ? reset_socket(socket) : begin(std::move(socket));
      accept();
    });
  }

  void begin(tcp::socket socket) {
    const auto connection = std::make_shared<Connection>(
        std::move(socket), ways_, [this](Connection& over) { connections_.erase(over.shared_from_this()); });
    connections_.insert(connection);
    connection->start(target_);
  }

  const std::uint16_t target_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  const std::uint16_t port_;
  Condition ways_[2];
  bool cut_ = false;
  std::set<std::shared_ptr<Connection>> connections_;
  std::thread thread_;
};

FaultLink::FaultLink(std::uint16_t target) : relay_(std::make_unique<Relay>(target)) {}
FaultLink::~FaultLink() = default;

std::uint16_t FaultLink::port() const {
  return relay_->port();
}

void FaultLink::hold(Way way) {
  relay_->on_thread([&] { relay_->way(way).held = true; });
}

void FaultLink::hold() {
  relay_->on_thread([&] { relay_->way(Way::kThere).held = relay_->way(Way::kBack).held = true; });
}

void FaultLink::delay(Way way, std::chrono::milliseconds time) {
  relay_->on_thread([&] { relay_->way(way).delay = time; });
}

void FaultLink::throttle(Way way, std::uint32_t bytes_per_second) {
  relay_->on_thread([&] { relay_->way(way).bytes_per_second = bytes_per_second; });
}

void FaultLink::half_close(Way way) {
  relay_->on_thread([&] { relay_->half_close(way); });
}

void FaultLink::reset() {
  relay_->on_thread([&] { relay_->reset_all(); });
}

void FaultLink::cut() {
  relay_->on_thread([&] {
    relay_->cut(true);
    relay_->reset_all();
  });
}

void FaultLink::heal() {
  relay_->on_thread([&] { relay_->heal(); });
}

std::uint64_t FaultLink::passed(Way way) const {
  return relay_->on_thread([&] { return relay_->way(way).passed; });
}

std::uint64_t FaultLink::waiting(Way way) const {
  return relay_->on_thread([&] {
    std::uint64_t sum = 0;
    for (const auto& connection : relay_->connections()) {
      sum += connection->waiting(static_cast<unsigned>(way));
    }
    return sum;
  });
}

std::size_t FaultLink::connections() const {
  return relay_->on_thread([&] { return relay_->connections().size(); });
}

}  // namespace netmsg::test
