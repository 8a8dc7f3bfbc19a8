// The database of the activity store as the worker sees it: opened, written, kept small. On one
// thread, except stop(). Nothing here waits for anything but the disk and the locks of other
// programs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/activity.h"
#include "store/database.h"

namespace llama_swap::store {

// How much is kept; 0 is no bound. What is over it goes, the oldest first, some seconds later.
struct Retention {
  std::int64_t max_rows = 0;
  std::chrono::seconds max_age{};
  std::int64_t max_bytes = 0;  // of the file, without its log; what is free in it does not count
};

class Storage {
 public:
  // `path` empty: in memory; then `max_rows` holds after every write, as the span of ids.
  Storage(std::string path, Retention retention);

  // Opens the file and makes what it lacks. Until it succeeded nothing else may be called; once it
  // did, it does nothing. The highest id ever given out in this database.
  util::Result<std::int64_t> open();

  // One transaction. In memory, rows that would have to go in it are not written at all. Should
  // somebody else have used ids from rows.front().id on, all rows move up: their ids are what
  // `rows` has afterwards, even if it fails.
  util::Result<> write(std::vector<Activity>& rows);

  // Deletes some of what is over the bounds, in short transactions. True: there is more.
  util::Result<bool> trim(std::chrono::sys_seconds now);

  // Asks with our tables in place, and until `deadline`.
  template <class T>
  util::Result<T> read(util::Time deadline,
                       const std::function<util::Result<T>(Database&)>& question) {
    if (auto done = complete(); !done) return tl::unexpected(done.error());
    database_.set_deadline(deadline);
    auto answer = question(database_);
    database_.set_deadline(util::Time::max());
    if (!answer && answer.error().code == util::Errc::cancelled && !database_.stopped())
      return util::fail(util::Errc::timed_out, "the activity database took too long");
    return answer;
  }

  // Rows that the first write or question makes sums of, if that takes noticeable time; else 0.
  std::int64_t rows_to_count();

  void set_retention(Retention retention) { retention_ = retention; }
  // For good.
  void close();
  // From any thread: what runs ends as soon as it can, all else fails.
  void stop() { database_.stop(); }

 private:
  util::Result<> complete();
  struct Pages {
    std::int64_t all = 0, free = 0, bytes = 0;  // bytes: of one
  };
  util::Result<> insert(std::span<const Activity> rows);
  util::Result<> make_room(std::span<const Activity> rows);
  util::Result<std::int64_t> highest_id();
  util::Result<std::int64_t> excess();
  util::Result<Pages> pages();
  // The rows whose ids `which` selects, with `argument` as its parameter; how many there were.
  util::Result<std::int64_t> remove(std::string_view which, std::int64_t argument);
  // The same, as a transaction.
  util::Result<std::int64_t> trim_rows(std::string_view which, std::int64_t argument);

  const std::string path_;
  Retention retention_;
  Database database_;
  bool complete_ = false;  // our tables are there
};

}  // namespace llama_swap::store
