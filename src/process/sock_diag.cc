#include "process/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace llama_swap::process {
namespace {

namespace ip = boost::asio::ip;

struct Request {
  nlmsghdr head{};
  inet_diag_req_v2 question{};
};

bool ask(int fd, std::uint8_t family, std::uint16_t port) {
  Request request;
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.question.sdiag_family = family;
  request.question.sdiag_protocol = IPPROTO_TCP;
  request.question.idiag_states = 1U << TCP_LISTEN;
  request.question.id.idiag_sport = htons(port);
  return ::send(fd, &request, sizeof request, MSG_DONTWAIT) == sizeof request;
}

ListenSocket socket_of(const inet_diag_msg& message) {
  ip::address address;
  if (message.idiag_family == AF_INET6) {
    ip::address_v6::bytes_type bytes{};
    std::memcpy(bytes.data(), message.id.idiag_src, bytes.size());
    address = ip::address_v6(bytes);
  } else {
    ip::address_v4::bytes_type bytes{};
    std::memcpy(bytes.data(), message.id.idiag_src, bytes.size());
    address = ip::address_v4(bytes);
  }
  return {Endpoint(address, ntohs(message.id.idiag_sport)), message.idiag_inode};
}

// The whole answer to one question. The kernel has its next part ready whenever it is asked for.
bool read_answer(int fd, std::vector<ListenSocket>& out) {
  alignas(nlmsghdr) std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return false;
    auto left = static_cast<unsigned>(got);
    for (auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(head, left);
         head = NLMSG_NEXT(head, left)) {
      if (head->nlmsg_type == NLMSG_DONE) return true;
      if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
          head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)))
        return false;
      inet_diag_msg message;
      std::memcpy(&message, NLMSG_DATA(head), sizeof message);
      out.push_back(socket_of(message));
    }
  }
}

}  // namespace

std::optional<std::vector<ListenSocket>> diag_listeners(std::uint16_t port) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return {};
  std::vector<ListenSocket> out;
  bool told = true;
  for (const std::uint8_t family : {AF_INET, AF_INET6})
    told = told && ask(fd, family, port) && read_answer(fd, out);
  ::close(fd);
  if (!told) return {};
  return out;
}

}  // namespace llama_swap::process
