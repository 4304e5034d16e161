// SPDX-License-Identifier: Apache-2.0
// D-Bus through sd-bus, with dbus-broker and with dbus-daemon as the bus.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/bench/not_offered.h"
#include "tests/bench/patience.h"
#include "tests/bench/peers/peer.h"

namespace netmsg::bench {
namespace {

constexpr char kName[] = "org.netmsg.Bench";
constexpr char kPath[] = "/org/netmsg/Bench";
constexpr std::uint64_t kCallTimeoutUs = 60ULL * 1000000;

void must(int code, const char* what) {
  if (code < 0) throw NotOffered(std::string(what) + ": error " + std::to_string(-code));
}

std::string socket_path(const PeerScene& scene) {
  return scene.folder + "/bus";
}

// A bus on which everybody may do everything.
std::string write_config(const PeerScene& scene) {
  std::string file = scene.folder + "/bus.conf";
  std::FILE* const out = std::fopen(file.c_str(), "w");
  std::fprintf(out,
               "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
               " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
               "<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>\n"
               "<policy context=\"default\"><allow send_destination=\"*\"/><allow "
               "receive_sender=\"*\"/><allow own=\"*\"/>"
               "<allow user=\"*\"/></policy>\n"
               "<limit name=\"max_replies_per_connection\">100000</limit></busconfig>\n",
               socket_path(scene).c_str());
  std::fclose(out);
  return file;
}

sd_bus* connected(const PeerScene& scene) {
  await_listener(socket_path(scene));
  sd_bus* bus = nullptr;
  must(::sd_bus_new(&bus), "a bus");
  must(::sd_bus_set_address(bus, ("unix:path=" + socket_path(scene)).c_str()), "its address");
  must(::sd_bus_set_bus_client(bus, 1), "a client");
  must(::sd_bus_start(bus), "the bus");
  return bus;
}

int on_echo(sd_bus_message* request, void*, sd_bus_error*) {
  const void* bytes = nullptr;
  std::size_t length = 0;
  ::sd_bus_message_read_array(request, 'y', &bytes, &length);
  sd_bus_message* reply = nullptr;
  ::sd_bus_message_new_method_return(request, &reply);
  const char answer[kReplyBytes] = {};
  ::sd_bus_message_append_array(reply, 'y', answer, sizeof answer);
  const int sent = ::sd_bus_send(nullptr, reply, nullptr);
  ::sd_bus_message_unref(reply);
  return sent < 0 ? sent : 1;
}

// The descriptor in the second method's request goes with the message.
const sd_bus_vtable kMethods[] = {
    SD_BUS_VTABLE_START(0), SD_BUS_METHOD("Echo", "ay", "ay", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Take", "ayh", "ay", on_echo, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END};

void serve_bus(const PeerScene& scene) {
  sd_bus* const bus = connected(scene);
  must(::sd_bus_add_object_vtable(bus, nullptr, kPath, kName, kMethods, nullptr), "an object");
  must(::sd_bus_request_name(bus, kName, 0), "a name");
  for (;;) {
    const int done = ::sd_bus_process(bus, nullptr);
    must(done, "the server");
    if (done == 0) ::sd_bus_wait(bus, UINT64_MAX);
  }
}

// `descriptor`: goes with each request, unless it is negative.
class BusWire final : public Wire {
 public:
  explicit BusWire(sd_bus* bus, int descriptor) : bus_(bus), descriptor_(descriptor) {}

  void send(std::span<const std::byte> frame) override {
    sd_bus_message* call = nullptr;
    const char* const method = descriptor_ < 0 ? "Echo" : "Take";
    must(::sd_bus_message_new_method_call(bus_, &call, kName, kPath, kName, method), "a message");
    ::sd_bus_message_append_array(call, 'y', frame.data(), frame.size());
    if (descriptor_ >= 0) must(::sd_bus_message_append(call, "h", descriptor_), "a descriptor");
    must(::sd_bus_call_async(bus_, nullptr, call, on_answer, this, kCallTimeoutUs), "a call");
    ::sd_bus_message_unref(call);
  }
  std::span<const std::byte> receive() override {
    while (poll().empty()) ::sd_bus_wait(bus_, UINT64_MAX);
    return answer_;
  }
  std::span<const std::byte> poll() override {
    while (arrived_ == 0) {
      const int done = ::sd_bus_process(bus_, nullptr);
      must(done, "the client");
      if (done == 0) return {};
    }
    --arrived_;
    return answer_;
  }

 private:
  static int on_answer(sd_bus_message* answer, void* self, sd_bus_error*) {
    if (::sd_bus_message_is_method_error(answer, nullptr) != 0) return -EIO;
    ++static_cast<BusWire*>(self)->arrived_;
    return 1;
  }

  sd_bus* bus_;
  int descriptor_;
  unsigned arrived_ = 0;
  std::byte answer_[kReplyBytes]{};
};

std::unique_ptr<Wire> open_with(const PeerScene& scene, int descriptor) {
  sd_bus* const bus = connected(scene);
  Patience patience;
  while (::sd_bus_get_name_creds(bus, kName, 0, nullptr) < 0) patience.rest("the server has no name");
  return std::make_unique<BusWire>(bus, descriptor);
}

std::unique_ptr<Wire> open_wire(const PeerScene& scene) {
  return open_with(scene, -1);
}

std::unique_ptr<Wire> open_with_descriptor(const PeerScene& scene) {
  return open_with(scene, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void start_daemon(const PeerScene& scene) {
  scene.crew.start(Seat::kBetween, [&] {
    become({"dbus-daemon", "--config-file=" + write_config(scene), "--nofork", "--nopidfile"});
  });
  scene.crew.start(Seat::kServer, [&] { serve_bus(scene); });
}

// The launcher will not run without a journal to write to. Where there is none, it gets a socket that nobody reads, in a
// /run that only it sees (which takes root).
void stand_in_for_journal() {
  constexpr char kJournal[] = "/run/systemd/journal/socket";
  if (::access(kJournal, F_OK) == 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kJournal);
  constexpr int kOutOfTheWay = 100;  // of the descriptors that the launcher is passed
  const int journal = ::fcntl(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), F_DUPFD, kOutOfTheWay);
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", "/run", "tmpfs", 0, nullptr) != 0 || ::mkdir("/run/systemd", 0755) != 0 ||
      ::mkdir("/run/systemd/journal", 0755) != 0 ||
      ::bind(journal, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw NotOffered("there is no journal, and none can be put in its place");
}

// Its launcher takes over a socket that listens already, as systemd gives it.
void become_broker(const PeerScene& scene) {
  stand_in_for_journal();
  const std::string config = write_config(scene);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_path(scene).copy(address.sun_path, sizeof address.sun_path - 1);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, SOMAXCONN) != 0)
    throw NotOffered("no socket for the bus");
  constexpr int kFirstPassed = 3;
  if (listener != kFirstPassed) ::dup2(listener, kFirstPassed);
  ::fcntl(kFirstPassed, F_SETFL, O_NONBLOCK);
  // It is a client of its own bus.
  ::setenv("DBUS_SESSION_BUS_ADDRESS", ("unix:path=" + socket_path(scene)).c_str(), 1);
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  become({"dbus-broker-launch", "--scope", "user", "--config-file", config});
}

void start_broker(const PeerScene& scene) {
  scene.crew.start(Seat::kBetween, [&] { become_broker(scene); });
  scene.crew.start(Seat::kServer, [&] { serve_bus(scene); });
}

}  // namespace
}  // namespace netmsg::bench

int main(int argc, char** argv) {
  using namespace netmsg::bench;
  return peer_main(argc, argv,
                   {{"dbus-daemon", start_daemon, open_wire},
                    {"dbus-broker", start_broker, open_wire},
                    {"dbus-daemon-descriptor", start_daemon, open_with_descriptor},
                    {"dbus-broker-descriptor", start_broker, open_with_descriptor}});
}
