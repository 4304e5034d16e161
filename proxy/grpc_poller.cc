// SPDX-License-Identifier: Apache-2.0
#include "proxy/grpc_poller.h"

#include <absl/synchronization/mutex.h>
#include <grpc/grpc.h>
#include <grpcpp/completion_queue.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/base/poll_now.h"

namespace netmsg::proxy {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kAgain{10};
constexpr int kEventsPerTurn = 16;  // then the loop's other work has its turn
// gRPC looks at one socket each time it is asked. Those that are looked at for nothing in a turn are
// few: more wait for kAgain.
constexpr int kFruitlessMax = 1;
constexpr int kFruitlessAgainMax = 8;
// So many looks of rounds that find nothing, and what was put off is begun: gRPC may have taken what it waits for from the set
// together with something else, or somebody else may have.
constexpr int kPutOffMax = 8;

std::set<int> epoll_sets() {
  std::set<int> found;
  std::error_code gone;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd", gone)) {
    if (std::filesystem::read_symlink(each.path(), gone) == "anon_inode:[eventpoll]")
      found.insert(std::stoi(each.path().filename()));
  }
  return found;
}

// The set that is there when gRPC has begun and was not before; -1 if that cannot be told. gRPC stays from then on, so
// the set does too. Nothing but us may take from it: a client channel would look into it every few seconds, from a thread
// of gRPC's own.
int find_set() {
  ::setenv("GRPC_POLL_STRATEGY", "epoll1", 1);
  ::setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "0", 1);
  const std::set<int> before = epoll_sets();
  grpc_init();
  std::vector<int> made;
  const std::set<int> after = epoll_sets();
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(made));
  return made.size() == 1 ? made.front() : -1;
}

// Distributions build gRPC's library of locks with a search for deadlocks in each lock that is taken: a tenth of what a
// message costs in gRPC.
void no_search_for_deadlocks() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

int grpc_set() {
  static const int set = find_set();
  return set;
}

}  // namespace

// One queue. Its helper waits in it for one event at a time, when it is asked to; what it has found is taken by the
// owner thread.
//
//   the helper   event                    next
//   resting      ask()                    waiting
//   waiting      an event                 resting   the event is in the mail, the owner is told
//   waiting      the queue is shut        gone
//   resting      stop()                   gone
class GrpcPoller::Source {
 public:
  Source(grpc::CompletionQueue& queue, std::function<void()> begin, std::function<void()> tell_owner)
      : queue_(queue), begin_(std::move(begin)), tell_owner_(std::move(tell_owner)) {}
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const grpc::CompletionQueue* queue() const { return &queue_; }
  void restless(int change) { restless_ += change; }
  void begin() const { begin_(); }

  // How many events there were: one, or what the helper has found besides.
  int take(gpr_timespec until) {
    const int found = take_mail();
    void* tag = nullptr;
    bool ok = false;
    if (queue_.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return found;
    tell(tag, ok);
    return found + 1;
  }

  // The helper waits for an event, if something is restless.
  void ask() {
    if (restless_ == 0) return;
    const std::lock_guard lock(mutex_);
    if (std::exchange(asked_, true)) return;
    if (!helper_.joinable()) helper_ = std::thread([this] { help(); });
    changed_.notify_one();
  }

  // Shuts the queue, and takes all that is left.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_one();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) tell(tag, ok);
    if (helper_.joinable()) helper_.join();
    take_mail();
  }

 private:
  struct Event {
    void* tag;
    bool ok;
  };

  static void tell(void* tag, bool ok) { static_cast<Operation*>(tag)->done(ok); }

  int take_mail() {
    std::optional<Event> mail;
    {
      const std::lock_guard lock(mutex_);
      mail = std::exchange(mail_, std::nullopt);
      if (mail) asked_ = false;
    }
    if (mail) tell(mail->tag, mail->ok);
    return mail ? 1 : 0;
  }

  void help() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || (asked_ && !mail_); });
      if (stopping_) return;
      lock.unlock();
      Event event{};
      const bool found = queue_.Next(&event.tag, &event.ok);
      lock.lock();
      if (!found) return;
      mail_ = event;
      tell_owner_();
    }
  }

  grpc::CompletionQueue& queue_;
  const std::function<void()> begin_;
  const std::function<void()> tell_owner_;  // any thread
  int restless_ = 0;
  std::thread helper_;  // made when it is asked for the first time
  std::mutex mutex_;    // of what follows
  std::condition_variable changed_;
  std::optional<Event> mail_;
  bool asked_ = false;  // until its event is taken
  bool stopping_ = false;
};

// Shared with handlers that are still in the event loop when the poller is gone.
class GrpcPoller::Turns : public std::enable_shared_from_this<Turns> {
 public:
  explicit Turns(asio::io_context& owner) : owner_(owner), set_(owner), again_(owner) {
    if (grpc_set() >= 0) set_.assign(grpc_set());
  }

  void start() {
    if (set_.is_open()) watch();
  }

  void stop() {
    NETMSG_CHECK(sources_.empty());
    if (set_.is_open()) set_.release();
    again_.cancel();
    stopped_ = true;
  }

  void add(grpc::CompletionQueue& queue, std::function<void()> begin) {
    sources_.push_back(std::make_unique<Source>(queue, std::move(begin), [this] {
      asio::post(owner_, [self = shared_from_this()] { self->turn(); });
    }));
    if (!set_.is_open()) restless(queue, 1);
  }

  void remove(grpc::CompletionQueue& queue) {
    const auto found = find(queue);
    NETMSG_CHECK(found != sources_.end());
    const std::unique_ptr<Source> source = std::move(*found);
    sources_.erase(found);
    source->stop();
  }

  // In a turn it is done anyway.
  void look_soon() {
    begun_ = true;
    if (looking_ || in_rounds_ || std::exchange(posted_, true)) return;
    asio::post(owner_, [self = shared_from_this()] {
      self->posted_ = false;
      self->turn();
    });
  }

  void restless(const grpc::CompletionQueue& queue, int change) {
    const auto found = find(queue);
    if (found == sources_.end()) return;  // it is being shut
    (*found)->restless(change);
    look_soon();
  }

  void ask_in_rounds(std::function<void()> join) {
    join_ = std::move(join);
    if (!join_) park();
  }

  bool look_in_round() {
    const bool found = (put_off_ ? look_for_more() : look_once()) > 0;
    if (found) arm();
    return found;
  }

  bool put_off() {
    if (!in_rounds_ || !set_.is_open()) return false;
    put_off_ = true;
    fruitless_ = 0;
    return true;
  }

  void park() {
    in_rounds_ = false;
    if (stopped_) return;
    begin_what_was_put_off();
    ask_helpers();
    if (!watching_ && set_.is_open()) watch();
  }

  void run_until(const std::function<bool()>& done, milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    const auto wait = gpr_time_from_millis(1, GPR_TIMESPAN);
    while (!done() && std::chrono::steady_clock::now() < until) {
      for (std::size_t at = 0; at < sources_.size(); ++at) sources_[at]->take(wait);
    }
  }

 private:
  using Sources = std::vector<std::unique_ptr<Source>>;

  Sources::iterator find(const grpc::CompletionQueue& queue) {
    return std::find_if(sources_.begin(), sources_.end(),
                        [&](const auto& source) { return source->queue() == &queue; });
  }

  void watch() {
    watching_ = true;
    set_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](const asio::error_code& error) {
                      if (!error) self->on_readable();
                    });
  }

  void on_readable() {
    watching_ = false;
    turn();
    if (stopped_) return;
    if (!join_) return watch();
    in_rounds_ = true;
    join_();
  }

  void turn() {
    if (stopped_) return;
    if (look(kFruitlessMax) == 0) look_at_others();
    turned_ = true;
    arm();
    ask_helpers();
  }

  // What has not been done at once may be done by a thread of gRPC's.
  void ask_helpers() {
    if (in_rounds_) return;  // it is seen soon
    for (const auto& source : sources_) source->ask();
  }

  // The timer is set at most once for all turns within a pause.
  void arm() {
    if (std::exchange(armed_, true)) return;
    again_.expires_after(kAgain);
    again_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      self->armed_ = false;
      if (!error) self->on_again();
    });
  }

  void on_again() {
    const bool found = look(in_rounds_ ? kFruitlessMax : kFruitlessAgainMax) + look_at_others() > 0;
    if (std::exchange(turned_, false) || found) arm();
    ask_helpers();
  }

  // How many events the first queue had. Some may be left: then there is another turn.
  int look(int fruitless_max) {
    int events = 0;
    for (int fruitless = 0; fruitless < fruitless_max && events < kEventsPerTurn;) {
      const int found = look_once();
      events += found;
      fruitless = found == 0 ? fruitless + 1 : 0;
    }
    if (events >= kEventsPerTurn) look_soon();
    return events;
  }

  // While something waits that gRPC does not know of: it is asked only if there is a reason.
  int look_for_more() {
    const bool has_come = base::poll_now(set_.native_handle(), POLLIN);
    if (!has_come && !begun_ && ++fruitless_ < kPutOffMax) return 0;
    const int found = look_once();
    begun_ = found > 0;
    if (found > 0 || (!has_come && fruitless_ < kPutOffMax)) return found;
    begin_what_was_put_off();
    return look_once();
  }

  void begin_what_was_put_off() {
    if (!std::exchange(put_off_, false)) return;
    for (const auto& source : sources_) source->begin();
  }

  // Zero: the first queue has nothing, and gRPC has looked at one socket.
  int look_once() { return take(0); }

  int look_at_others() {
    int found = 0;
    for (std::size_t at = 1; at < sources_.size(); ++at) found += take(at);
    return found;
  }

  int take(std::size_t at) {
    if (at >= sources_.size()) return 0;
    looking_ = true;
    const int found = sources_[at]->take(gpr_inf_past(GPR_CLOCK_MONOTONIC));
    looking_ = false;
    return found;
  }

  asio::io_context& owner_;
  asio::posix::stream_descriptor set_;  // gRPC's
  asio::steady_timer again_;
  Sources sources_;
  bool posted_ = false;   // a turn is
  bool looking_ = false;  // in a turn
  bool armed_ = false;    // again_ is
  bool turned_ = false;   // since again_ was armed
  bool stopped_ = false;
  bool watching_ = false;   // for the set, in the event loop
  bool in_rounds_ = false;  // somebody else looks
  bool put_off_ = false;    // something is, or was
  int fruitless_ = 0;       // looks since then
  bool begun_ = false;      // something of ours, since gRPC had nothing
  std::function<void()> join_;
};

GrpcPoller::GrpcPoller(asio::io_context& owner) : turns_(std::make_shared<Turns>(owner)) {
  no_search_for_deadlocks();
  turns_->start();
}
GrpcPoller::~GrpcPoller() {
  turns_->stop();
}

void GrpcPoller::add(grpc::CompletionQueue& queue, std::function<void()> begin) {
  turns_->add(queue, std::move(begin));
}
void GrpcPoller::remove(grpc::CompletionQueue& queue) {
  turns_->remove(queue);
}
void GrpcPoller::look_soon() {
  turns_->look_soon();
}
void GrpcPoller::restless(grpc::CompletionQueue& queue, int change) {
  turns_->restless(queue, change);
}
void GrpcPoller::ask_in_rounds(std::function<void()> join) {
  turns_->ask_in_rounds(std::move(join));
}
bool GrpcPoller::look() {
  return turns_->look_in_round();
}
void GrpcPoller::park() {
  turns_->park();
}
bool GrpcPoller::put_off() {
  return turns_->put_off();
}
void GrpcPoller::run_until(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  turns_->run_until(done, limit);
}

}  // namespace netmsg::proxy
