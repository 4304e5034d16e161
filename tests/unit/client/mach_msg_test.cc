// SPDX-License-Identifier: Apache-2.0
// mach_msg and the port calls as a program sees them (spec 03, 05).
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "tests/unit/client/fixture.h"

namespace netmsg::test {
namespace {

constexpr std::size_t kPage = 4096;

// Pages, the last of which the program may not touch.
class Cliff {
 public:
  explicit Cliff(std::size_t pages, int protection = PROT_NONE) : size_((pages + 1) * kPage) {
    base_ = static_cast<char*>(
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    edge_ = base_ + pages * kPage;
    ::mprotect(edge_, kPage, protection);
  }
  ~Cliff() { ::munmap(base_, size_); }
  Cliff(const Cliff&) = delete;
  Cliff& operator=(const Cliff&) = delete;
  // A message of which `size` bytes are before the edge.
  mach_msg_header_t* before_edge(std::size_t size) {
    return reinterpret_cast<mach_msg_header_t*>(edge_ - size);
  }

 private:
  std::size_t size_;
  char* base_;
  char* edge_;
};

void address(mach_msg_header_t* head, mach_port_t port, unsigned disposition = MACH_MSG_TYPE_MAKE_SEND) {
  *head = {};
  head->msgh_bits = MACH_MSGH_BITS(disposition, 0U);
  head->msgh_remote_port = port;
}

mach_msg_return_t send_bytes(mach_msg_header_t* head, std::size_t size) {
  return mach_msg(head, MACH_SEND_MSG, static_cast<mach_msg_size_t>(size), 0, MACH_PORT_NULL, 0,
                  MACH_PORT_NULL);
}

// 03.1
TEST(MachMsg, DoesNothingIfAskedForNothing) {
  EXPECT_EQ(mach_msg(nullptr, MACH_MSG_OPTION_NONE, 0, 0, 0, 0, 0), MACH_MSG_SUCCESS);
  EXPECT_EQ(mach_msg_trap(nullptr, MACH_SEND_TIMEOUT | MACH_RCV_TIMEOUT, 0, 0, 0, 0, 0), MACH_MSG_SUCCESS);
}

TEST(MachMsg, SendsAndReceives) {
  const mach_port_t port = new_port();
  EXPECT_EQ(send_to(port, 41), MACH_MSG_SUCCESS);
  EXPECT_EQ(send_to(port, 42), MACH_MSG_SUCCESS);
  for (const int id : {41, 42}) {
    SmallMessage message;
    ASSERT_EQ(receive_from(port, &message), MACH_MSG_SUCCESS);
    EXPECT_EQ(message.head.msgh_id, id);
    EXPECT_EQ(message.head.msgh_size, sizeof message);
    EXPECT_EQ(message.head.msgh_local_port, port);
  }
}

TEST(MachMsg, SimpleFormsTakeSizeAndPortFromTheHeader) {
  const mach_port_t port = new_port();
  SmallMessage message{};
  address(&message.head, port);
  message.head.msgh_size = sizeof message;
  std::strcpy(message.text, "simple");
  ASSERT_EQ(mach_msg_send(&message.head), MACH_MSG_SUCCESS);
  SmallMessage received{};
  received.head.msgh_size = sizeof received;
  received.head.msgh_local_port = port;
  ASSERT_EQ(mach_msg_receive(&received.head), MACH_MSG_SUCCESS);
  EXPECT_STREQ(received.text, "simple");
}

TEST(MachMsg, SendsAndReceivesInOneCall) {
  const mach_port_t port = new_port();
  SmallMessage message{};
  address(&message.head, port);
  message.head.msgh_id = 6;
  ASSERT_EQ(mach_msg(&message.head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof message, sizeof message, port, 0, 0),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(message.head.msgh_id, 6);
  EXPECT_EQ(message.head.msgh_local_port, port);
}

// 02.2
TEST(MachMsg, RefusesBadSizesBeforeItReadsTheMessage) {
  for (const unsigned size : {0U, 24U, 31U, 33U, 36U})
    EXPECT_EQ(mach_msg(nullptr, MACH_SEND_MSG, size, 0, 0, 0, 0), MACH_SEND_MSG_TOO_SMALL) << size;
}

TEST(MachMsg, RefusesAMessageLargerThanTheDaemonTakes) {
  const mach_port_t port = new_port();
  std::vector<std::byte> big((1U << 20) + 8);
  auto* head = reinterpret_cast<mach_msg_header_t*>(big.data());
  address(head, port);
  EXPECT_EQ(send_bytes(head, big.size()), MACH_SEND_NO_BUFFER);
  EXPECT_EQ(send_bytes(head, big.size() - 8), MACH_MSG_SUCCESS);
  std::vector<std::byte> received(1U << 20);
  ASSERT_EQ(
      mach_msg(reinterpret_cast<mach_msg_header_t*>(received.data()), MACH_RCV_MSG, 0, 1U << 20, port, 0, 0),
      MACH_MSG_SUCCESS);
}

// The first of a size that no ring holds goes through the socket, the others through the window; with whole pages before
// the edge a byte too many would be known.
TEST(MachMsg, LargeMessagesArriveAsTheyWereSent) {
  const mach_port_t port = new_port();
  for (const std::size_t pages : {31U, 32U, 33U, 250U, 256U, 256U, 1U, 255U}) {
    const std::size_t size = pages * kPage;
    Cliff sent(pages);
    Cliff received(pages);
    auto* const message = sent.before_edge(size);
    auto* const head = received.before_edge(size);
    std::memset(message, static_cast<int>(pages), size);
    address(message, port);
    ASSERT_EQ(send_bytes(message, size), MACH_MSG_SUCCESS);
    ASSERT_EQ(mach_msg(head, MACH_RCV_MSG, 0, static_cast<mach_msg_size_t>(size), port, 0, 0),
              MACH_MSG_SUCCESS);
    EXPECT_EQ(head->msgh_size, size);
    EXPECT_EQ(std::memcmp(head + 1, message + 1, size - sizeof *head), 0) << pages;
  }
}

TEST(MachMsg, AnUnreadableMessageIsInvalidDataAndNothingElse) {
  const mach_port_t port = new_port_with_send();
  EXPECT_EQ(mach_msg(nullptr, MACH_SEND_MSG, 64, 0, 0, 0, 0), MACH_SEND_INVALID_DATA);
  // A message within one packet of the socket, and one that
  // is found unreadable when much of it is on its way.
  for (const std::size_t pages : {1U, 200U}) {
    Cliff cliff(pages);
    auto* head = cliff.before_edge(pages * kPage);
    address(head, port, MACH_MSG_TYPE_MOVE_SEND);
    EXPECT_EQ(send_bytes(head, pages * kPage + 8), MACH_SEND_INVALID_DATA);
    EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U) << "nothing consumed";
  }
  SmallMessage message;
  EXPECT_EQ(receive_from(port, &message, MACH_RCV_TIMEOUT), MACH_RCV_TIMED_OUT) << "nothing sent";
}

// 03.22
TEST(MachMsg, AnUnwritableBufferLosesTheTextNotTheRights) {
  const mach_port_t port = new_port();
  const mach_port_t reply = new_port();
  SmallMessage message{};
  address(&message.head, port);
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND);
  message.head.msgh_local_port = reply;
  ASSERT_EQ(send_bytes(&message.head, sizeof message), MACH_MSG_SUCCESS);
  Cliff cliff(1, PROT_READ);
  EXPECT_EQ(mach_msg(cliff.before_edge(16), MACH_RCV_MSG, 0, sizeof message, port, 0, 0),
            MACH_RCV_INVALID_DATA);
  EXPECT_EQ(type_of(reply), MACH_PORT_TYPE_SEND_RECEIVE) << "the right has arrived";
  EXPECT_EQ(send_to(port, 9), MACH_MSG_SUCCESS) << "the lane is in order";
}

bool is_asleep(pid_t thread) {
  std::ifstream state("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  return std::getline(state, line) && line.find(") S ") != std::string::npos;
}

// What was known of it when the call began is long ago.
TEST(MachMsg, ABufferThatBecomesUnwritableDuringTheWaitLosesTheTextOnly) {
  const mach_port_t echo = new_port_with_send();
  const mach_port_t port = new_port_with_send();
  Cliff cliff(1);
  auto* const head = cliff.before_edge(kPage);
  std::atomic<pid_t> thread{0};
  std::thread receiver([&] {
    thread = ::gettid();
    address(head, echo, MACH_MSG_TYPE_COPY_SEND);
    EXPECT_EQ(mach_msg(head, MACH_SEND_MSG | MACH_RCV_MSG, sizeof *head, kPage, port, 0, 0),
              MACH_RCV_INVALID_DATA);
  });
  SmallMessage message;
  EXPECT_EQ(receive_from(echo, &message), MACH_MSG_SUCCESS) << "the call has begun";
  while (!is_asleep(thread)) std::this_thread::yield();
  EXPECT_EQ(::mprotect(head, kPage, PROT_READ), 0);
  EXPECT_EQ(send_to(port, 9), MACH_MSG_SUCCESS);
  receiver.join();
}

// 03.12
TEST(MachMsg, ATooLargeMessageIsToldEvenIfTheBufferIsUnwritable) {
  const mach_port_t port = new_port();
  ASSERT_EQ(send_to(port, 1), MACH_MSG_SUCCESS);
  EXPECT_EQ(mach_msg(nullptr, MACH_RCV_MSG | MACH_RCV_LARGE, 0, 40, port, 0, 0), MACH_RCV_TOO_LARGE);
  mach_msg_header_t head{};
  head.msgh_id = 1234;
  EXPECT_EQ(mach_msg(&head, MACH_RCV_MSG | MACH_RCV_LARGE, 0, sizeof head, port, 0, 0), MACH_RCV_TOO_LARGE);
  EXPECT_EQ(head.msgh_size, sizeof(SmallMessage));
  EXPECT_EQ(head.msgh_id, 1234) << "only the size is written";
}

TEST(MachMsg, GivesAnUnsendableMessageBack) {
  const mach_port_t port = new_port_with_send();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 0), KERN_SUCCESS);
  SmallMessage message{};
  address(&message.head, port, MACH_MSG_TYPE_COPY_SEND);
  std::strcpy(message.text, "back");
  EXPECT_EQ(mach_msg(&message.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0, 20, 0),
            MACH_SEND_TIMED_OUT);
  EXPECT_EQ(MACH_MSGH_BITS_REMOTE(message.head.msgh_bits), static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND));
  EXPECT_STREQ(message.text, "back");
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 2U);
  mach_msg_destroy(&message.head);
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
}

// 03.26
TEST(MachMsg, AMessageThatCameBackCanBeThrownAwayWithoutATrace) {
  const mach_port_t port = new_port_with_send();
  const mach_port_t reply = new_port();
  ASSERT_EQ(mach_port_set_qlimit(mach_task_self(), port, 0), KERN_SUCCESS);
  SmallMessage message{};
  address(&message.head, port);
  message.head.msgh_bits = MACH_MSGH_BITS(MACH_MSG_TYPE_COPY_SEND, MACH_MSG_TYPE_MAKE_SEND_ONCE);
  message.head.msgh_local_port = reply;
  EXPECT_EQ(mach_msg(&message.head, MACH_SEND_MSG | MACH_SEND_TIMEOUT, sizeof message, 0, 0, 0, 0),
            MACH_SEND_TIMED_OUT);
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 2U);
  EXPECT_EQ(type_of(message.head.msgh_local_port), MACH_PORT_TYPE_SEND_ONCE);
  mach_msg_destroy(&message.head);
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 1U);
  EXPECT_EQ(mach_port_deallocate(mach_task_self(), message.head.msgh_local_port), KERN_SUCCESS);
  SmallMessage told{};
  EXPECT_EQ(receive_from(reply, &told, MACH_RCV_TIMEOUT), MACH_MSG_SUCCESS);
  EXPECT_EQ(told.head.msgh_id, MACH_NOTIFY_SEND_ONCE);
  mach_port_status_t status{};
  ASSERT_EQ(mach_port_get_receive_status(mach_task_self(), reply, &status), KERN_SUCCESS);
  EXPECT_EQ(status.mps_sorights, 0U);
}

struct RightsMessage {
  mach_msg_header_t head;
  mach_msg_type_t text_type;
  char text[8];
  mach_msg_type_t type;
  mach_port_name_inlined_t ports[2];
};

TEST(MachMsgDestroy, GivesUpTheRightsOfHeaderAndBody) {
  const mach_port_t port = new_port();
  const mach_port_t carried = new_port();
  const mach_port_t reply = new_port();
  RightsMessage message{};
  message.head.msgh_bits =
      MACH_MSGH_BITS_COMPLEX | MACH_MSGH_BITS(MACH_MSG_TYPE_MAKE_SEND, MACH_MSG_TYPE_MAKE_SEND);
  message.head.msgh_remote_port = port;
  message.head.msgh_local_port = reply;
  message.text_type = {MACH_MSG_TYPE_CHAR, 8, 0, 1, 0, 0, 3};
  message.type = {MACH_MSG_TYPE_MAKE_SEND, 64, 0, 1, 0, 0, 2};
  message.ports[0].name = carried;
  message.ports[1].name = MACH_PORT_NULL;
  ASSERT_EQ(send_bytes(&message.head, sizeof message), MACH_MSG_SUCCESS);
  ASSERT_EQ(mach_msg(&message.head, MACH_RCV_MSG, 0, sizeof message, port, 0, 0), MACH_MSG_SUCCESS);
  EXPECT_EQ(message.ports[0].name, carried);
  EXPECT_EQ(type_of(carried), MACH_PORT_TYPE_SEND_RECEIVE);
  EXPECT_EQ(type_of(reply), MACH_PORT_TYPE_SEND_RECEIVE);
  mach_msg_destroy(&message.head);
  EXPECT_EQ(type_of(carried), MACH_PORT_TYPE_RECEIVE);
  EXPECT_EQ(type_of(reply), MACH_PORT_TYPE_RECEIVE);
}

TEST(MachMsgDestroy, StopsAtABodyThatIsCutShort) {
  RightsMessage message{};
  message.head.msgh_bits = MACH_MSGH_BITS_COMPLEX;
  message.head.msgh_size = sizeof message;
  message.text_type = {MACH_MSG_TYPE_PORT_SEND, 64, 0, 1, 0, 0, 0xFFFFFFFF};
  mach_msg_destroy(&message.head);
  message.text_type = {MACH_MSG_TYPE_CHAR, 0xFFFF, 0, 1, 0, 0, 0xFFFFFFFF};
  mach_msg_destroy(&message.head);
}

TEST(PortCalls, WorkOnTheOwnTask) {
  mach_port_t port = 0;
  mach_port_t previous = 99;
  ASSERT_EQ(mach_port_allocate(mach_task_self(), MACH_PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
  EXPECT_EQ(mach_port_insert_right(mach_task_self(), port, port, MACH_MSG_TYPE_MAKE_SEND), KERN_SUCCESS);
  EXPECT_EQ(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, 4), KERN_SUCCESS);
  EXPECT_EQ(refs_of(port, MACH_PORT_RIGHT_SEND), 5U);
  EXPECT_EQ(mach_port_request_notification(mach_task_self(), port, MACH_NOTIFY_NO_SENDERS, 0, port,
                                           MACH_MSG_TYPE_MAKE_SEND_ONCE, &previous),
            KERN_SUCCESS);
  EXPECT_EQ(previous, mach_port_t{MACH_PORT_NULL});
  mach_port_status_t status{};
  EXPECT_EQ(mach_port_get_receive_status(mach_task_self(), port, &status), KERN_SUCCESS);
  EXPECT_EQ(status.mps_mscount, 1U);
  EXPECT_EQ(status.mps_qlimit, MACH_PORT_QLIMIT_DEFAULT);
  EXPECT_EQ(status.mps_sorights, 1U);
  EXPECT_TRUE(status.mps_srights);
  EXPECT_TRUE(status.mps_nsrequest);
  EXPECT_FALSE(status.mps_pdrequest);
  EXPECT_EQ(mach_port_mod_refs(mach_task_self(), port, MACH_PORT_RIGHT_SEND, -5), KERN_SUCCESS);
  mach_no_senders_notification_t note;
  EXPECT_EQ(mach_msg(&note.not_header, MACH_RCV_MSG | MACH_RCV_TIMEOUT, 0, sizeof note, port, 0, 0),
            MACH_MSG_SUCCESS);
  EXPECT_EQ(note.not_header.msgh_id, MACH_NOTIFY_NO_SENDERS);
  EXPECT_EQ(note.not_count, 1U);
  mach_port_t once = 0;
  mach_msg_type_name_t kind = 0;
  EXPECT_EQ(mach_port_extract_right(mach_task_self(), port, MACH_MSG_TYPE_MAKE_SEND_ONCE, &once, &kind),
            KERN_SUCCESS);
  EXPECT_EQ(kind, static_cast<unsigned>(MACH_MSG_TYPE_PORT_SEND_ONCE));
  EXPECT_EQ(type_of(once), MACH_PORT_TYPE_SEND_ONCE);
  EXPECT_EQ(mach_port_destroy(mach_task_self(), port), KERN_SUCCESS);
  EXPECT_EQ(type_of(once), MACH_PORT_TYPE_DEAD_NAME);
  EXPECT_EQ(mach_port_deallocate(mach_task_self(), once), KERN_SUCCESS);
}

TEST(PortCalls, AreRefusedOnAnythingButTheOwnTask) {
  const mach_port_t port = new_port();
  mach_port_type_t type = 5;
  EXPECT_EQ(mach_port_type(port, port, &type), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(mach_port_type(MACH_PORT_NULL, port, &type), MACH_SEND_INVALID_DEST);
  EXPECT_EQ(type, 5U);
}

}  // namespace
}  // namespace netmsg::test
