// The activity store, as the event loop sees it (http-api 19, 22). Rows are handed in and
// forgotten; a thread of its own writes them, in batches, and answers questions about them. A disk
// that is slow, full or read-only, or a file that another program has locked, delays nobody but
// those who ask: rows wait in a bounded buffer, and when that is full new ones are dropped and
// counted. In memory, where only the last rows are kept, they are also all that waits.
//
// What a crash costs: a row is written at most kInterval after it came (as long as the disk keeps
// up). kill -9 loses what was not written yet; a power failure may lose the last commits as well,
// never the file.
//
// Everything here is called on the loop, and called back there. Close it before it is destroyed,
// unless the loop never runs again.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "net/loop.h"
#include "net/worker.h"
#include "store/activity.h"
#include "store/export.h"
#include "store/storage.h"
#include "util/result.h"
#include "util/time.h"

namespace llama_swap::store {

struct StoreOptions {
  std::string path;  // empty: in memory
  Retention retention;
  std::function<void(config::LogLevel, std::string_view)> log;
  // Rows that can be found now, in the order of their ids. May be empty.
  std::function<void(std::span<const Activity> rows)> stored;
};

struct StoreHealth {
  bool writing = false;      // the last attempt to open or write succeeded
  std::string fault;         // why not; empty while nothing was tried
  std::size_t waiting = 0;   // rows that are not written yet
  std::uint64_t stored = 0;  // since the start, as the next; those that are gone again included
  std::uint64_t dropped = 0;
};

class ActivityStore {
 public:
  static constexpr util::milliseconds kInterval{200};
  // In memory, while more rows come than are kept: nobody could follow them.
  static constexpr util::milliseconds kLongInterval{1000};
  static constexpr std::size_t kBatchRows = 4000;
  static constexpr std::size_t kMaxWaitingRows = 10'000;
  static constexpr std::size_t kMaxWaitingBytes = std::size_t{16} << 20;
  // Of a question; a slower one is refused with timed_out.
  static constexpr util::seconds kPatience{30};
  static constexpr util::seconds kTrimInterval{30};
  // Between two attempts when one has failed: at first, and at most.
  static constexpr util::milliseconds kFirstBackOff{1000};
  static constexpr util::milliseconds kMaxBackOff{30'000};

  ActivityStore(net::Loop& loop, StoreOptions options);
  ~ActivityStore();
  ActivityStore(const ActivityStore&) = delete;
  ActivityStore& operator=(const ActivityStore&) = delete;

  // Opens the database; to be called once, first. When that fails, the failure is logged and
  // returned, but nothing is over: it is tried again and again, and rows wait.
  net::Awaitable<util::Result<>> start();

  // Takes a row; never waits. The id it will have (`row.id` does not count): one more than the
  // last. 0: it is given one later, as the database was not open yet, or the row was dropped.
  // Should another program write to the same file at the same time, the id moves; what `stored`
  // says is right.
  std::int64_t record(Activity row);

  // Answers see all rows that were recorded before, unless writing fails. Errors: unavailable (with
  // the reason) if the database could not be opened, timed_out, and those of read.h.
  net::Awaitable<util::Result<Page>> list(Query query);
  // Of these models together; empty: of all.
  net::Awaitable<util::Result<Stats>> stats(std::vector<std::string> models);
  net::Awaitable<util::Result<std::vector<Usage>>> usage(UsageQuery query);

  StoreHealth health() const;
  // What is over the bounds goes soon, in small steps.
  void set_retention(Retention retention);

  // Writes what waits, at most until the deadline; what is not written then, or fails, is given up,
  // and the log says so. Answers that are still awaited fail with `cancelled` then. Only a system
  // call that hangs takes longer. Nothing may be recorded or asked from the call on.
  net::Awaitable<void> close(util::milliseconds deadline);

 private:
  friend class Export;
  using Timer =
      boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                        net::Executor>;
  // Opens, or writes one batch; does nothing while another attempt runs.
  net::Awaitable<void> attempt();
  net::Awaitable<util::Result<>> open();
  net::Awaitable<util::Result<>> write_batch();
  void take_batch();
  void written();
  util::milliseconds interval() const;
  // Until the first `recorded` rows are written, or it fails.
  net::Awaitable<void> catch_up(std::uint64_t recorded);
  // Behind what the worker has to do now; what that leads to here has happened, too.
  net::Awaitable<void> pass_worker();
  net::Awaitable<void> trim();
  void attempt_in(util::milliseconds delay);
  void trim_in(util::milliseconds delay);
  void settle(const util::Result<>& result);
  std::size_t waiting_rows() const { return waiting_.size() + (batch_ ? batch_->size() : 0); }
  void log(config::LogLevel level, std::string_view text) const;
  template <class T>
  net::Awaitable<util::Result<T>> ask(std::function<util::Result<T>(Database&)> question);

  net::Loop& loop_;
  const StoreOptions options_;
  std::shared_ptr<Storage> storage_;  // used by the worker's jobs alone
  net::Worker worker_;                // its own: a disk that hangs must not hold up bodies

  std::deque<Activity> waiting_;
  std::size_t max_kept_ = 0;  // in memory: more need not wait; 0: no bound
  bool overrun_ = false;      // more than that came since the last batch was taken,
  bool hurried_ = false;      // or before
  std::shared_ptr<std::vector<Activity>> batch_;  // being written, or to be tried again; or null
  std::size_t waiting_bytes_ = 0;                 // in both
  std::size_t batch_bytes_ = 0;
  std::int64_t next_id_ = 0;  // 0: not open yet
  std::uint64_t recorded_ = 0, stored_ = 0, dropped_ = 0;
  std::uint64_t dropped_told_ = 0;  // of dropped_, as the log knows

  bool busy_ = false;  // an attempt runs
  bool tried_ = false;
  bool closing_ = false;
  bool trims_ = false;
  std::string fault_;  // empty: fine
  util::milliseconds back_off_{};
  Timer attempt_timer_, trim_timer_;
  bool attempt_planned_ = false;
};

// The rows of a filter as text, piece by piece, so that neither memory nor other questions suffer
// from their number. In order of their ids; rows that come meanwhile at the end of that order are
// included. The store must outlive it.
class Export {
 public:
  static constexpr std::int64_t kRowsPerPiece = 1000;

  Export(ActivityStore& store, Filter filter, Format format, bool descending);
  // The next piece; empty: that was all. After an error there is nothing more.
  net::Awaitable<util::Result<std::string>> next();

 private:
  ActivityStore& store_;
  Query query_;
  const Format format_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace llama_swap::store
