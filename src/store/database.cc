#include "store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cmath>

namespace llama_swap::store {
namespace {

// Instructions of SQLite's machine between two looks at clock and flag: some 0.1 ms.
constexpr int kProgressInterval = 10'000;

util::Errc code_of(int result) {
  switch (result & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return util::Errc::unavailable;
    case SQLITE_INTERRUPT:
      return util::Errc::cancelled;
    case SQLITE_CONSTRAINT:
      return util::Errc::conflict;
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return util::Errc::io;
    default:
      return util::Errc::internal;
  }
}

tl::unexpected<util::Error> failure(sqlite3* handle, int result) {
  const util::Errc code = code_of(result);
  std::string text = handle ? sqlite3_errmsg(handle) : sqlite3_errstr(result);
  // "disk I/O error" alone helps nobody.
  const bool from_system = (result & 0xff) == SQLITE_IOERR || (result & 0xff) == SQLITE_CANTOPEN;
  if (const int number = handle ? sqlite3_system_errno(handle) : 0; from_system && number != 0)
    text = util::fail_errno(number, text).value().message;
  return util::fail(code, std::move(text));
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      for_once_(other.for_once_),
      bound_(other.bound_) {}

Statement::~Statement() {
  if (!statement_) return;
  if (for_once_) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Statement& Statement::bind(std::int64_t value) {
  sqlite3_bind_int64(statement_, ++bound_, value);
  return *this;
}

Statement& Statement::bind(double value) {
  sqlite3_bind_double(statement_, ++bound_, std::isfinite(value) ? value : 0);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would be NULL.
  sqlite3_bind_text64(statement_, ++bound_, text.data() ? text.data() : "", text.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_view(std::string_view text) {
  sqlite3_bind_text64(statement_, ++bound_, text.data() ? text.data() : "", text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_null() {
  sqlite3_bind_null(statement_, ++bound_);
  return *this;
}

Statement& Statement::bind_value(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return bind(std::string_view(*text));
  if (const auto* number = std::get_if<double>(&value)) return bind(*number);
  return bind(std::get<std::int64_t>(value));
}

util::Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return failure(sqlite3_db_handle(statement_), result);
}

util::Result<> Statement::run() {
  const auto row = step();
  sqlite3_reset(statement_);
  bound_ = 0;
  if (!row) return tl::unexpected(row.error());
  return {};
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
  // The text before its size: the call may convert.
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return text ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Value Statement::value(int column) const {
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      return integer(column);
    case SQLITE_FLOAT:
      return real(column);
    default:
      return text(column);
  }
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Database::~Database() {
  close();
}

util::Result<> Database::open(const std::string& path, util::milliseconds busy) {
  close();
  // Counting each allocation under a lock is for nobody.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int result =
      sqlite3_open_v2(path.empty() ? ":memory:" : path.c_str(), &handle_, flags, nullptr);
  if (result != SQLITE_OK) {
    auto error = failure(handle_, result);
    close();
    return error;
  }
  sqlite3_extended_result_codes(handle_, 1);
  sqlite3_busy_timeout(handle_, static_cast<int>(busy.count()));
  sqlite3_progress_handler(handle_, kProgressInterval, &Database::on_progress, this);
  return {};
}

void Database::disable_triggers() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
}

void Database::close() {
  statements_.clear();
  sqlite3_close(std::exchange(handle_, nullptr));
}

int Database::on_progress(void* self) {
  const auto& database = *static_cast<const Database*>(self);
  return database.stopped_ ||
         (database.deadline_ != util::Time::max() && util::Clock::now() > database.deadline_);
}

util::Result<sqlite3_stmt*> Database::compile(std::string_view sql, unsigned flags) {
  if (stopped_) return util::fail(util::Errc::cancelled, "the activity store is closing");
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), flags,
                                        &statement, nullptr);
  if (result != SQLITE_OK) return failure(handle_, result);
  return statement;
}

util::Result<Statement> Database::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end())
    return Statement(found->second.get(), false);
  const auto statement = compile(sql, SQLITE_PREPARE_PERSISTENT);
  if (!statement) return tl::unexpected(statement.error());
  statements_[std::string(sql)].reset(*statement);
  return Statement(*statement, false);
}

util::Result<Statement> Database::prepare_once(std::string_view sql) {
  const auto statement = compile(sql, 0);
  if (!statement) return tl::unexpected(statement.error());
  return Statement(*statement, true);
}

util::Result<> Database::execute(const std::string& sql) {
  if (const int result = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
      result != SQLITE_OK)
    return failure(handle_, result);
  return {};
}

util::Result<std::int64_t> Database::integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? statement->integer(0) : 0;
}

util::Result<Transaction> Transaction::begin(Database& database, Kind kind) {
  // A write lock at once: one that is taken later cannot wait for others.
  auto begun = database.execute(kind == Kind::read ? "BEGIN" : "BEGIN IMMEDIATE");
  if (!begun) return tl::unexpected(begun.error());
  return Transaction(database);
}

Transaction::~Transaction() {
  // Fails where an error has ended the transaction already.
  if (database_) (void)database_->execute("ROLLBACK");
}

util::Result<> Transaction::commit() {
  auto done = database_->execute("COMMIT");
  if (done) database_ = nullptr;
  return done;
}

}  // namespace llama_swap::store
