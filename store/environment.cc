#include "store/environment.h"

#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/check.h"

namespace hauspost::store {

namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kGrowthMargin = 64;  // pages

MDB_val to_val(std::string_view bytes) {
  // LMDB does not change what it reads through mv_data; its type only cannot say so.
  return {bytes.size(), const_cast<char*>(bytes.data())};
}
std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

Error lmdb_error(std::string_view what, int code) {
  switch (code) {
    case MDB_NOTFOUND: return {ErrorCode::kNotFound, std::string(what) + ": " + mdb_strerror(code)};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC: return {ErrorCode::kCorrupt, std::string(what) + ": " + mdb_strerror(code)};
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
    case MDB_DBS_FULL:
      return {ErrorCode::kExhausted, std::string(what) + ": " + mdb_strerror(code)};
    default: break;
  }
  if (code > 0) return errno_error(what, code);
  return {ErrorCode::kInternal, std::string(what) + ": " + mdb_strerror(code)};
}

std::unexpected<Error> lmdb_fail(std::string_view what, int code) {
  return fail(lmdb_error(what, code));
}

}  // namespace

namespace {

// Where this process has mapped the file, which LMDB does not tell: proc_pid_maps(5), lines like
// "7f00-7f01 r--s 00000000 fe:00 1234   /path". Empty when it is not there once, shared.
std::span<char> find_mapping(int descriptor) {
  struct stat info;
  if (::fstat(descriptor, &info) != 0) return {};
  std::ifstream maps("/proc/self/maps");
  std::span<char> found;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char shared = 0;
    unsigned major_number = 0;
    unsigned minor_number = 0;
    std::uint64_t inode = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*3c%c %*x %x:%x %" SCNu64, &begin,
                    &end, &shared, &major_number, &minor_number, &inode) != 6 ||
        shared != 's' || inode != info.st_ino || major_number != major(info.st_dev) ||
        minor_number != minor(info.st_dev))
      continue;
    if (!found.empty()) return {};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what the file holds
    found = {reinterpret_cast<char*>(begin), end - begin};
  }
  return found;
}

}  // namespace

Result<std::unique_ptr<Environment>> Environment::open(const Options& options) {
  MDB_env* env = nullptr;
  if (const int code = mdb_env_create(&env); code != 0) return lmdb_fail("mdb_env_create", code);
  std::unique_ptr<Environment> environment(new Environment(env));
  int code = mdb_env_set_mapsize(env, options.map_bytes);
  if (code == 0) code = mdb_env_set_maxreaders(env, options.readers_max);
  if (code == 0) code = mdb_env_set_maxdbs(env, options.tables_max);
  if (code != 0) return lmdb_fail("setting limits of " + options.path, code);
  unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
  if (options.read_only) flags |= MDB_RDONLY;
  if (!options.sync) flags |= MDB_NOSYNC;
  if (!options.locked) flags |= MDB_NOLOCK;
  code = mdb_env_open(env, options.path.c_str(), flags, options.mode);
  if (code != 0) return lmdb_fail("opening " + options.path, code);
  environment->map_ = find_mapping(environment->descriptor());
  return environment;
}

void Environment::let_go_of_pages() {
  if (map_.empty()) return;
  // A failure changes nothing but how much stays resident.
  [[maybe_unused]] const int ignored = ::madvise(map_.data(), map_.size(), MADV_DONTNEED);
}

Environment::~Environment() {
  for (MDB_txn* txn : pool_) mdb_txn_abort(txn);
  mdb_env_close(env_);
}

Result<Table> Environment::open_table(const std::string& name, bool create) {
  unsigned env_flags = 0;
  mdb_env_get_flags(env_, &env_flags);
  const bool read_only = (env_flags & MDB_RDONLY) != 0;
  MDB_txn* txn = nullptr;
  // A handle opened in a read transaction becomes everybody's only when that one is committed.
  int code = mdb_txn_begin(env_, nullptr, read_only || !create ? MDB_RDONLY : 0U, &txn);
  if (code != 0) return lmdb_fail("opening table " + name, code);
  Table table;
  code = mdb_dbi_open(txn, name.empty() ? nullptr : name.c_str(),
                      create && !read_only ? MDB_CREATE : 0U, &table.handle);
  if (code != 0) {
    mdb_txn_abort(txn);
    return lmdb_fail("opening table " + name, code);
  }
  code = mdb_txn_commit(txn);
  if (code != 0) return lmdb_fail("opening table " + name, code);
  return table;
}

Result<ReadTxn> Environment::read() {
  MDB_txn* txn = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (!pool_.empty()) {
      txn = pool_.back();
      pool_.pop_back();
    }
  }
  int code = 0;
  if (txn != nullptr) {
    code = mdb_txn_renew(txn);
    if (code == 0) return ReadTxn(*this, txn);
    mdb_txn_abort(txn);
  }
  code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (code != 0) return lmdb_fail("beginning to read", code);
  return ReadTxn(*this, txn);
}

void Environment::give_back(MDB_txn* txn) {
  mdb_txn_reset(txn);
  {
    const std::scoped_lock lock(mutex_);
    if (pool_.size() < kPooledMax) {
      pool_.push_back(txn);
      return;
    }
  }
  mdb_txn_abort(txn);
}

Result<WriteTxn> Environment::write() {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env_, nullptr, 0, &txn); code != 0)
    return lmdb_fail("beginning to write", code);
  return WriteTxn(txn);
}

Result<> Environment::sync() {
  if (const int code = mdb_env_sync(env_, 1); code != 0) return lmdb_fail("syncing", code);
  return {};
}

Result<> Environment::copy_to(int to, bool compact) {
  const int code = mdb_env_copyfd2(env_, to, compact ? MDB_CP_COMPACT : 0U);
  if (code == MDB_INCOMPATIBLE) return fail(ErrorCode::kCorrupt, "the index has lost pages");
  if (code != 0) return lmdb_fail("copying", code);
  return {};
}

Result<int> Environment::clear_dead_readers() {
  int dead = 0;
  if (const int code = mdb_reader_check(env_, &dead); code != 0)
    return lmdb_fail("checking readers", code);
  return dead;
}

Environment::Size Environment::size() const {
  MDB_envinfo info;
  MDB_stat stat;
  HP_CHECK(mdb_env_info(env_, &info) == 0 && mdb_env_stat(env_, &stat) == 0);
  return {stat.ms_psize, info.me_last_pgno + 1, info.me_mapsize / stat.ms_psize};
}

namespace {

struct OldestReader {
  std::optional<std::uint64_t> id;
  // LMDB tells of its readers only in lines of text: process, thread, transaction or "-".
  static int line(const char* text, void* context) {
    auto& oldest = *static_cast<OldestReader*>(context);
    unsigned long long process = 0;
    unsigned long long thread = 0;
    unsigned long long id = 0;
    if (std::sscanf(text, "%llu %llx %llu", &process, &thread, &id) == 3 &&
        (!oldest.id || id < *oldest.id))
      oldest.id = id;
    return 0;
  }
};

}  // namespace

Result<std::optional<std::uint64_t>> Environment::oldest_reader() {
  OldestReader oldest;
  if (const int code = mdb_reader_list(env_, OldestReader::line, &oldest); code < 0)
    return lmdb_fail("listing readers", code);
  return oldest.id;
}

Result<std::uint64_t> Environment::free_pages(const ReadTxn& txn) {
  // Handle 0 is LMDB's own list: of each transaction, the pages it freed, led by their count.
  TRY_ASSIGN(Cursor cursor, Cursor::open(txn, Table{0}));
  TRY_ASSIGN(bool here, cursor.first());
  std::uint64_t pages = 0;
  while (here) {
    if (cursor.value().size() < sizeof(std::size_t))
      return fail(ErrorCode::kCorrupt, "the list of free pages is damaged");
    std::size_t count = 0;
    std::memcpy(&count, cursor.value().data(), sizeof count);
    pages += count;
    TRY_ASSIGN(here, cursor.next());
  }
  return pages;
}

int Environment::descriptor() const {
  int descriptor = -1;
  HP_CHECK(mdb_env_get_fd(env_, &descriptor) == 0);
  return descriptor;
}

Result<std::optional<std::string_view>> Txn::get(Table table, std::string_view key) const {
  if (table.handle == Table::kAbsent) return std::nullopt;
  MDB_val wanted = to_val(key);
  MDB_val found;
  const int code = mdb_get(txn_, table.handle, &wanted, &found);
  if (code == 0) return to_view(found);
  if (code == MDB_NOTFOUND) return std::nullopt;
  return lmdb_fail("reading", code);
}

Result<std::uint64_t> Txn::count(Table table) const {
  if (table.handle == Table::kAbsent) return 0;
  MDB_stat stat;
  if (const int code = mdb_stat(txn_, table.handle, &stat); code != 0)
    return lmdb_fail("counting", code);
  return stat.ms_entries;
}

ReadTxn::ReadTxn(ReadTxn&& other) noexcept
    : Txn(std::exchange(other.txn_, nullptr)),
      environment_(other.environment_),
      owner_(std::move(other.owner_)) {}

ReadTxn& ReadTxn::operator=(ReadTxn&& other) noexcept {
  if (this != &other) {
    end();
    txn_ = std::exchange(other.txn_, nullptr);
    environment_ = other.environment_;
    owner_ = std::move(other.owner_);
  }
  return *this;
}

ReadTxn::~ReadTxn() { end(); }

void ReadTxn::end() {
  if (txn_ != nullptr) environment_->give_back(std::exchange(txn_, nullptr));
}

std::uint64_t ReadTxn::id() const { return mdb_txn_id(txn_); }

WriteTxn::WriteTxn(MDB_txn* txn) : Txn(txn), counter_(std::make_unique<std::uint64_t>(0)) {
  changes_ = counter_.get();
}

WriteTxn::WriteTxn(WriteTxn&& other) noexcept
    : Txn(std::exchange(other.txn_, nullptr)), counter_(std::move(other.counter_)) {
  changes_ = counter_.get();
}

// A change copies its leaf and may split it; those above are shared by many. What is left is for
// LMDB's own list of free pages.
std::uint64_t WriteTxn::growth_max() const { return 2 * *counter_ + kGrowthMargin; }

WriteTxn::~WriteTxn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<> WriteTxn::put(Table table, std::string_view key, std::string_view value) {
  *counter_ += 1 + (key.size() + value.size()) / kPageBytes;
  MDB_val at = to_val(key);
  MDB_val bytes = to_val(value);
  if (const int code = mdb_put(txn_, table.handle, &at, &bytes, 0); code != 0)
    return lmdb_fail("writing", code);
  return {};
}

Result<bool> WriteTxn::remove(Table table, std::string_view key) {
  ++*counter_;
  MDB_val at = to_val(key);
  const int code = mdb_del(txn_, table.handle, &at, nullptr);
  if (code == 0) return true;
  if (code == MDB_NOTFOUND) return false;
  return lmdb_fail("removing", code);
}

Result<> WriteTxn::clear(Table table) {
  if (const int code = mdb_drop(txn_, table.handle, 0); code != 0)
    return lmdb_fail("clearing a table", code);
  return {};
}

Result<> WriteTxn::commit() {
  const int code = mdb_txn_commit(std::exchange(txn_, nullptr));
  if (code != 0) return lmdb_fail("committing", code);
  return {};
}

Result<Cursor> Cursor::open(const Txn& txn, Table table) {
  MDB_cursor* cursor = nullptr;
  if (table.handle == Table::kAbsent) return Cursor(cursor, txn.changes_);
  if (const int code = mdb_cursor_open(txn.raw(), table.handle, &cursor); code != 0)
    return lmdb_fail("opening a cursor", code);
  return Cursor(cursor, txn.changes_);
}

Cursor::Cursor(Cursor&& other) noexcept
    : cursor_(std::exchange(other.cursor_, nullptr)),
      changes_(other.changes_),
      key_(other.key_),
      value_(other.value_) {}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

Result<bool> Cursor::move(int operation, std::string_view seek_key) {
  if (cursor_ == nullptr) return false;
  MDB_val key = to_val(seek_key);
  MDB_val value{};
  const int code = mdb_cursor_get(cursor_, &key, &value, static_cast<MDB_cursor_op>(operation));
  if (code == MDB_NOTFOUND) return false;
  if (code != 0) return lmdb_fail("moving a cursor", code);
  key_ = to_view(key);
  value_ = to_view(value);
  return true;
}

Result<bool> Cursor::first() { return move(MDB_FIRST, {}); }
Result<bool> Cursor::last() { return move(MDB_LAST, {}); }
Result<bool> Cursor::seek(std::string_view key) { return move(MDB_SET_RANGE, key); }
Result<bool> Cursor::next() { return move(MDB_NEXT, {}); }
Result<bool> Cursor::previous() { return move(MDB_PREV, {}); }

Result<bool> Cursor::seek_before(std::string_view key) {
  auto found = seek(key);
  if (!found) return found;
  if (!*found) return last();
  if (key_ == key) return true;
  return previous();
}

Result<> Cursor::remove() {
  if (changes_ != nullptr) ++*changes_;
  if (const int code = mdb_cursor_del(cursor_, 0); code != 0) return lmdb_fail("removing", code);
  return {};
}

}  // namespace hauspost::store
