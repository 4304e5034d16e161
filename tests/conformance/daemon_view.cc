// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/daemon_view.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>

#include "netmsg/v1/control.grpc.pb.h"
#include "tests/conformance/backend.h"

namespace netmsg::conformance {

namespace {

constexpr std::chrono::seconds kPatience{20};

using Round = std::vector<v1::CountersReply>;

const v1::Exchanged* exchanged(const v1::CountersReply& here, const v1::CountersReply& there) {
  for (const v1::Exchanged& peer : here.peers()) {
    if (peer.node_id() == there.node_id()) return &peer;
  }
  return nullptr;
}

// Has each applied what the other has sent?
bool agree(const v1::CountersReply& one, const v1::CountersReply& other) {
  const v1::Exchanged* here = exchanged(one, other);
  const v1::Exchanged* there = exchanged(other, one);
  return here != nullptr && there != nullptr && here->frames_sent() == there->frames_applied() &&
         there->frames_sent() == here->frames_applied();
}

bool quiet(const v1::CountersReply& counters) {
  return counters.unacknowledged() == 0 && counters.timers_due() == 0;
}

std::string exchanged_by(const v1::CountersReply& counters) {
  std::string all;
  for (const v1::Exchanged& peer : counters.peers()) all += peer.SerializeAsString() + ';';
  return all;
}

// The rule of control.proto for one round.
bool at_rest(const Round& round) {
  return std::all_of(round.begin(), round.end(), [&](const v1::CountersReply& one) {
    return quiet(one) && std::all_of(round.begin(), round.end(), [&](const v1::CountersReply& other) {
             return &one == &other || agree(one, other);
           });
  });
}

}  // namespace

class DaemonView::Stub {
 public:
  explicit Stub(const std::string& path)
      : stub_(v1::Control::NewStub(grpc::CreateChannel("unix:" + path, grpc::InsecureChannelCredentials()))) {
  }

  template <typename Request, typename Reply>
  void call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
            Reply* reply) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const grpc::Status status = (stub_.get()->*method)(&context, Request(), reply);
    if (!status.ok()) throw BackendFailure("a daemon does not answer: " + status.error_message());
  }

 private:
  std::unique_ptr<v1::Control::Stub> stub_;
};

DaemonView::DaemonView(const std::string& control_socket) : stub_(std::make_unique<Stub>(control_socket)) {}
DaemonView::~DaemonView() = default;
DaemonView::DaemonView(DaemonView&&) noexcept = default;

std::optional<std::uint32_t> DaemonView::blocked_calls(pid_t pid) const {
  v1::TasksReply reply;
  stub_->call(&v1::Control::Stub::Tasks, &reply);
  for (const v1::Task& task : reply.tasks()) {
    if (task.pid() == pid) return task.blocked_calls();
  }
  return std::nullopt;
}

bool DaemonView::is_as_at_rest() const {
  v1::CountersReply counters;
  stub_->call(&v1::Control::Stub::Counters, &counters);
  return quiet(counters) && exchanged_by(counters) == rest_;
}

void DaemonView::settle(std::vector<DaemonView>& daemons, const DaemonView* acted) {
  if (acted != nullptr && acted->is_as_at_rest()) return;
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < limit) {
    Round round(daemons.size());
    for (std::size_t at = 0; at < daemons.size(); ++at)
      daemons[at].stub_->call(&v1::Control::Stub::Counters, &round[at]);
    if (!at_rest(round)) continue;
    for (std::size_t at = 0; at < daemons.size(); ++at) daemons[at].rest_ = exchanged_by(round[at]);
    return;
  }
  throw BackendFailure("the hosts do not come to rest");
}

}  // namespace netmsg::conformance
