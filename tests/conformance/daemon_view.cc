// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/daemon_view.h"

#include <grpcpp/grpcpp.h>

#include <chrono>

#include "netmsg/v1/control.grpc.pb.h"
#include "tests/conformance/backend.h"

namespace netmsg::conformance {

namespace {

constexpr std::chrono::seconds kPatience{20};

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

void DaemonView::settle(const std::vector<DaemonView>& daemons) {
  const auto limit = std::chrono::steady_clock::now() + kPatience;
  std::string last;
  while (std::chrono::steady_clock::now() < limit) {
    std::string round;
    bool open = false;
    for (const DaemonView& daemon : daemons) {
      v1::CountersReply counters;
      daemon.stub_->call(&v1::Control::Stub::Counters, &counters);
      open |= counters.unacknowledged() != 0 || counters.timers_due() != 0;
      round += counters.SerializeAsString() + ';';
    }
    if (!open && round == last) return;
    last = open ? std::string() : round;
  }
  throw BackendFailure("the hosts do not come to rest");
}

}  // namespace netmsg::conformance
