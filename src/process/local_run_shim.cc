// The conversation with the shim: frames in both directions, and what each of them means for the
// instance.
#include <boost/asio/write.hpp>
#include <cstring>
#include <system_error>

#include "process/exit_text.h"
#include "process/local_run.h"
#include "util/text.h"

namespace llama_swap::process {
namespace {

namespace asio = boost::asio;
using shim::Type;

std::string error_text(std::uint32_t error_number) {
  return util::lower(std::generic_category().message(static_cast<int>(error_number)));
}

}  // namespace

net::Awaitable<void> LocalRun::converse(std::shared_ptr<LocalRun> self) {
  for (;;) {
    const auto [error, size] =
        co_await self->socket_.async_read_some(asio::buffer(self->buffer_), net::use_awaitable);
    if (error) break;
    self->received_.append(self->buffer_.data(), size);
    self->take_frames();
  }
  // Without a last frame the shim was killed, and shim_ended() knows what to do.
  self->conversation_over_ = true;
  self->finish_if_over();
}

void LocalRun::take_frames() {
  std::size_t at = 0;
  while (received_.size() - at >= shim::kHeaderSize) {
    std::uint32_t size = 0;
    std::memcpy(&size, received_.data() + at, sizeof size);
    if (received_.size() - at - shim::kHeaderSize < size) break;
    const auto type = static_cast<Type>(received_[at + 4]);
    handle(type, std::string_view(received_).substr(at + shim::kHeaderSize, size));
    at += shim::kHeaderSize + size;
  }
  received_.erase(0, at);
}

void LocalRun::handle(Type type, std::string_view payload) {
  shim::Reader reader(payload.data(), payload.size());
  switch (type) {
    case Type::hello:
      return on_hello(reader);
    case Type::started:
      return on_started(static_cast<pid_t>(reader.u32()));
    case Type::spawn_failed:
      return on_spawn_failed(reader);
    case Type::output:
      return on_output(payload);
    case Type::dropped:
      return on_output("\n— " + std::to_string(reader.u64()) + " bytes dropped —\n");
    case Type::leader_exited: {
      const auto status = static_cast<int>(reader.u32());
      return on_leader_exited(status, reader.u32());
    }
    case Type::child_exited:
      return on_child_exited();
    case Type::stop_command:
      return on_stop_command(reader);
    case Type::killed:
      return log(config::LogLevel::warn,
                 std::to_string(reader.u32()) + " process(es) had to be killed");
    case Type::stuck:
      return on_stuck(reader);
    case Type::tree_gone:
      return on_tree_gone();
    default:
      return;  // of a later version
  }
}

void LocalRun::on_hello(shim::Reader& reader) {
  const std::uint32_t version = reader.u32();
  const bool subreaper = (reader.u32() & shim::kSubreaper) != 0;
  const std::uint32_t refusal = reader.u32();
  if (version != shim::kVersion)
    log(config::LogLevel::error, "shim of version " + std::to_string(version));
  if (subreaper || std::exchange(shared_->weakness_logged, true)) return;
  log(config::LogLevel::warn,
      "this system refuses sub-reaping (" + error_text(refusal) +
          "): processes of models that leave their group and session cannot be stopped");
}

void LocalRun::on_started(pid_t pid) {
  leader_ = pid;
  shim_.leader = pid;
  probe_pause_.cancel();
  if (phase_ != Phase::starting) return;
  if (has_health_check()) {
    begin_probing();
  } else {
    become_ready();
  }
}

void LocalRun::on_spawn_failed(shim::Reader& reader) {
  const std::uint32_t error = reader.u32();
  const auto step = static_cast<shim::Step>(reader.u32());
  std::string reason;
  switch (step) {
    case shim::Step::lookup:
      reason = "exec: " + util::json_quote(argv_.front()) + ": executable file not found in $PATH";
      break;
    case shim::Step::pipe:
      reason = "pipe: " + error_text(error);
      break;
    default:
      reason = "fork/exec " + argv_.front() + ": " + error_text(error);
      break;
  }
  tree_gone_ = true;
  fail(start_failure(reason).value());
}

void LocalRun::on_output(std::string_view data) {
  wake_probe();
  if (events_ != nullptr) events_->on_output(data);
}

void LocalRun::on_leader_exited(int status, std::uint32_t survivors) {
  leader_dead_ = true;
  leader_status_ = exit_text(status);
  switch (phase_) {
    case Phase::starting:
      // A command that makes itself a daemon leaves with status 0, and the start goes on. One that
      // leaves with another has failed, whatever helpers it leaves behind.
      if (survivors > 0 && (status == 0 || tree_listens())) return wake_probe();
      fail({util::Errc::closed, "upstream command exited prematurely"});
      end(Type::sweep, std::chrono::milliseconds(shim::kSweepGraceMs));
      return;
    case Phase::ready:
      if (survivors == 0 || !tree_listens()) return crashed();
      return log(config::LogLevel::info,
                 "command ended (" + leader_status_ + "), its server runs on");
    case Phase::ending:
    case Phase::gone:
      return log(config::LogLevel::debug, "command ended: " + leader_status_);
  }
}

void LocalRun::on_child_exited() {
  if (phase_ == Phase::starting) wake_probe();
  if (phase_ == Phase::ready && leader_dead_ && !tree_listens()) crashed();
}

void LocalRun::on_tree_gone() {
  tree_gone_ = true;
  fail({util::Errc::closed, "upstream command exited prematurely"});
  crashed();
}

void LocalRun::on_stop_command(shim::Reader& reader) {
  const std::uint32_t error = reader.u32();
  const auto status = static_cast<int>(reader.u32());
  const std::string_view output = util::trim({reader.rest(), reader.left()});
  const std::string tail = output.empty() ? "" : ": " + std::string(output);
  if (error != 0) return log(config::LogLevel::warn, "stop command failed: " + error_text(error));
  if (status != 0)
    return log(config::LogLevel::warn, "stop command failed: " + exit_text(status) + tail);
  log(config::LogLevel::debug, "stop command done" + tail);
}

void LocalRun::on_stuck(shim::Reader& reader) {
  std::string pids;
  while (reader.left() >= sizeof(std::uint32_t)) {
    pids += (pids.empty() ? "process " : ", ") + std::to_string(reader.u32());
  }
  stuck(pids);
}

void LocalRun::send(Type type, std::string payload) {
  if (!socket_.is_open()) return;
  char header[shim::kHeaderSize];
  shim::put_header(header, type, static_cast<std::uint32_t>(payload.size()));
  to_send_.append(header, sizeof header).append(payload);
  if (sending_.empty()) write_next();
}

void LocalRun::write_next() {
  sending_ = std::exchange(to_send_, {});
  if (sending_.empty()) return;
  asio::async_write(socket_, asio::buffer(sending_),
                    [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                      self->sending_.clear();
                      // A failure shows as the end of the conversation, too.
                      if (!error) self->write_next();
                    });
}

}  // namespace llama_swap::process
