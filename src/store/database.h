// One SQLite connection and its statements. One thread at a time, and the connection has no lock of
// its own; only stop() may be called from another thread.
//
// Errors carry SQLite's words. Their code is what a caller acts on: `unavailable` for locked and
// busy, `cancelled` after stop() or past the deadline, `io` for disk, full and read-only,
// `conflict` for what breaks a constraint, `internal` for the rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

#include "util/result.h"
#include "util/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace llama_swap::store {

using Value = std::variant<std::int64_t, double, std::string>;

// A prepared statement at work: bind, step, read columns. When this goes the statement is reset, or
// freed if it is for once; the database must outlive it. Columns count from 0.
class Statement {
 public:
  Statement(sqlite3_stmt* statement, bool for_once) : statement_(statement), for_once_(for_once) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // The next parameter. Text and errors of memory show at step().
  Statement& bind(std::int64_t value);
  Statement& bind(double value);                // not a number: 0
  Statement& bind(std::string_view text);       // copied
  Statement& bind_view(std::string_view text);  // must live until the run is over
  Statement& bind_null();
  Statement& bind_value(const Value& value);
  template <class T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  // True: there is a row.
  util::Result<bool> step();
  // For statements that give no rows. Ready for the next values afterwards: all must be bound anew.
  util::Result<> run();

  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;
  Value value(int column) const;

 private:
  sqlite3_stmt* statement_;
  const bool for_once_;
  int bound_ = 0;
};

class Database {
 public:
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  // Empty: in memory. Waits up to `busy` for locks of others, here and later.
  util::Result<> open(const std::string& path, util::milliseconds busy);
  // What this connection writes runs no triggers from now on.
  void disable_triggers();
  void close();
  bool is_open() const { return handle_ != nullptr; }

  // Kept prepared for the next time: for texts of which there are few. The same text must not be at
  // work twice.
  util::Result<Statement> prepare(std::string_view sql);
  util::Result<Statement> prepare_once(std::string_view sql);
  // One or more statements without parameters, not kept.
  util::Result<> execute(const std::string& sql);
  // The first column of the first row; 0 if there is none.
  util::Result<std::int64_t> integer(std::string_view sql);

  // Statements still at work then end with `cancelled`. Time::max(): no deadline.
  void set_deadline(util::Time at) { deadline_ = at; }
  // From any thread: what runs, and what is begun later, ends with `cancelled`.
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  static int on_progress(void* self);
  util::Result<sqlite3_stmt*> compile(std::string_view sql, unsigned flags);

  sqlite3* handle_ = nullptr;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, Hash, std::equal_to<>>
      statements_;
  util::Time deadline_ = util::Time::max();
  std::atomic<bool> stopped_ = false;
};

// Rolled back when it goes, unless commit() succeeded.
class Transaction {
 public:
  enum class Kind { read, write };
  static util::Result<Transaction> begin(Database& database, Kind kind);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  util::Result<> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace llama_swap::store
