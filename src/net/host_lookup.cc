#include "net/host_lookup.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "net/wakeup.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

namespace asio = boost::asio;
using Answer = util::Result<Addresses>;

constexpr std::size_t kMaxThreads = 8;
constexpr std::size_t kMaxAddresses = 16;

asio::ip::address address_of(const sockaddr& from) {
  if (from.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &from, sizeof in);
    return asio::ip::address_v4(ntohl(in.sin_addr.s_addr));
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &from, sizeof in);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes, in.sin6_scope_id);
}

// Blocks.
Answer ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error == EAI_SYSTEM) return util::fail_errno(errno, "look up " + host);
  if (error != 0)
    return util::fail(util::Errc::io, "look up " + host + ": " + ::gai_strerror(error));
  Addresses found;
  for (const addrinfo* at = list; at != nullptr && found.size() < kMaxAddresses; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    const asio::ip::address address = address_of(*at->ai_addr);
    if (std::ranges::find(found, address) == found.end()) found.push_back(address);
  }
  ::freeaddrinfo(list);
  if (found.empty()) return util::fail(util::Errc::io, "look up " + host + ": it has no address");
  return found;
}

// Of one name. Shared by those who wait for it and the list of what is in progress.
struct Lookup {
  std::optional<Answer> answer;
  std::vector<Wakeup*> waiting;
};

// What is in progress. A service of the loop, as threads must not post to a loop that has gone: the
// loop's destructor calls shutdown().
class Lookups final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;
  explicit Lookups(Loop& loop) : service(loop), shared_(std::make_shared<Shared>()) {
    shared_->loop = &loop;
  }

  std::shared_ptr<Lookup> of(const std::string& host) {
    auto& lookup = in_progress_[host];
    if (lookup) return lookup;
    lookup = std::make_shared<Lookup>();
    const auto result = lookup;
    if (!enqueue(host))
      done(host, util::fail(util::Errc::io, "look up " + host + ": no thread can be started"));
    return result;
  }

 private:
  // Between the loop and the threads, which may outlive it.
  struct Shared {
    std::mutex mutex;
    Loop* loop = nullptr;  // null: gone, and the Lookups with it
    std::deque<std::string> queue;
    std::size_t threads = 0;
  };

  bool enqueue(const std::string& host) {
    const std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back(host);
    if (shared_->threads == kMaxThreads) return true;
    try {
      std::thread(work, shared_, this).detach();
      ++shared_->threads;
    } catch (const std::system_error&) {
      shared_->queue.pop_back();
      return false;
    }
    return true;
  }

  static void work(std::shared_ptr<Shared> shared, Lookups* owner) {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::unique_lock lock(shared->mutex);
    while (!shared->queue.empty() && shared->loop != nullptr) {
      const std::string host = std::move(shared->queue.front());
      shared->queue.pop_front();
      lock.unlock();
      Answer answer = ask_system(host);
      lock.lock();
      if (shared->loop == nullptr) break;
      asio::post(*shared->loop, [owner, host, answer = std::move(answer)]() mutable {
        owner->done(host, std::move(answer));
      });
    }
    --shared->threads;
  }

  void done(const std::string& host, Answer answer) {
    const auto at = in_progress_.extract(host);
    Lookup& lookup = *at.mapped();
    lookup.answer = std::move(answer);
    for (Wakeup* const waiting : lookup.waiting) waiting->notify();
  }

  void shutdown() override {
    const std::lock_guard lock(shared_->mutex);
    shared_->loop = nullptr;
    shared_->queue.clear();
  }

  const std::shared_ptr<Shared> shared_;
  std::map<std::string, std::shared_ptr<Lookup>> in_progress_;  // by name
};

}  // namespace

Awaitable<util::Result<Addresses>> look_up(Loop& loop, TimerWheel& wheel, std::string host,
                                           util::Time end, std::function<void()>& cancel) {
  boost::system::error_code not_literal;
  const auto literal = asio::ip::make_address(host, not_literal);
  if (!not_literal) co_return Addresses{literal};
  if (util::iequals(host, "localhost"))
    co_return Addresses{asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};

  const std::shared_ptr<Lookup> lookup = asio::use_service<Lookups>(loop).of(host);
  if (!lookup->answer) {
    Wakeup wakeup(loop);
    bool late = false;
    Deadline deadline(wheel, [&] {
      late = true;
      wakeup.notify();
    });
    if (end != util::Time::max()) deadline.set(end);
    cancel = [&wakeup] { wakeup.notify(); };
    lookup->waiting.push_back(&wakeup);
    co_await wakeup.wait();
    std::erase(lookup->waiting, &wakeup);
    cancel = nullptr;
    if (!lookup->answer && late)
      co_return util::fail(util::Errc::timed_out, "look up " + host + ": timed out");
    if (!lookup->answer) co_return util::fail(util::Errc::cancelled, "look up " + host);
  }
  co_return *lookup->answer;
}

}  // namespace llama_swap::net
