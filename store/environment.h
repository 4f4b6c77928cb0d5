// Environment: LMDB behind names of our own. The only room that includes lmdb.h. Used for a store's
// index (no sync: the change log makes it whole) and for the directory (synced, many processes).
//
// Errors: kCorrupt (the file is not what LMDB wrote), kExhausted (map, readers or disk full),
// kNotFound (file or table), kDenied, else kInternal.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct MDB_env;
struct MDB_txn;
struct MDB_cursor;

namespace hauspost::store {

// One named table of an environment; a plain number, valid as long as the environment.
struct Table {
  static constexpr unsigned kAbsent = UINT32_MAX;  // not in this file: reads as empty
  unsigned handle = 0;
};

class ReadTxn;
class WriteTxn;

inline constexpr std::size_t kKeyBytesMax = 511;  // LMDB's own limit

// Thread-safe, except that one thread at a time may hold a WriteTxn (others wait for it).
// REQUIRES: opened once per process and file; never used across fork().
class Environment : public std::enable_shared_from_this<Environment> {
 public:
  struct Options {
    std::string path;                      // of the data file; "-lock" is appended for the
                                           // lock file, which read-only openers write too
    std::uint64_t map_bytes = 1ULL << 30;  // most the file may grow to
    unsigned readers_max = 126;            // read transactions at once, in all processes
    unsigned tables_max = 16;
    bool read_only = false;  // the file must exist
    bool sync = true;        // false: commits are not flushed
    unsigned mode = 0600;    // of a file that is created
    bool locked = true;      // false: no lock file, as nobody else has the file open or writes it
  };
  static Result<std::unique_ptr<Environment>> open(const Options& options);
  // REQUIRES: no transaction is open. Read transactions of one in a shared_ptr keep it alive.
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // Opens the table, creating it when `create` (never when read-only). kNotFound. Empty name: the
  // root table, which also lists the others by name. Takes a transaction of its own: REQUIRES that
  // the calling thread holds no WriteTxn.
  Result<Table> open_table(const std::string& name, bool create);

  // A snapshot of now. Pooled: costs two memory barriers, not a system call.
  Result<ReadTxn> read();
  Result<WriteTxn> write();

  // Flushes everything committed so far, also when opened without sync. Any thread.
  Result<> sync();
  // Writes a copy of the newest commit to a file or pipe; blocks meanwhile. `compact`: without free
  // pages, in order of the trees. kCorrupt: the file's pages do not add up, which only a compact
  // copy notices. On failure any part may have been written.
  Result<> copy_to(int to, bool compact);
  // The lowest ReadTxn::id() under way in any process; nullopt: nobody reads.
  Result<std::optional<std::uint64_t>> oldest_reader();
  // Pages of the file that hold nothing, as of this transaction.
  static Result<std::uint64_t> free_pages(const ReadTxn& txn);
  // Frees reader slots of processes that died. Returns how many.
  Result<int> clear_dead_readers();

  struct Size {
    std::uint64_t page_bytes = 0;
    std::uint64_t pages_used = 0;  // up to the highest page ever used; free ones inside count
    std::uint64_t pages_max = 0;   // the map's
  };
  Size size() const;
  int descriptor() const;  // of the data file; owned by this object
  // Lets go of the mapped pages that are resident: they stay in the page cache, and the next use
  // finds them there at the price of a soft fault. Keeps a process at what it works with instead of
  // all it has touched. Any thread, also while others read.
  void let_go_of_pages();

 private:
  friend class ReadTxn;
  friend class WriteTxn;
  explicit Environment(MDB_env* env) : env_(env) {}
  void give_back(MDB_txn* txn);

  static constexpr std::size_t kPooledMax = 64;
  MDB_env* env_;
  std::span<char> map_;  // where the data file is mapped; empty: not known
  std::mutex mutex_;
  std::vector<MDB_txn*> pool_;  // reset read transactions; guarded by mutex_
};

// What both kinds of transaction can do. Views live until the transaction ends or, in a WriteTxn,
// until its next change.
class Txn {
 public:
  Result<std::optional<std::string_view>> get(Table table, std::string_view key) const;
  Result<std::uint64_t> count(Table table) const;
  MDB_txn* raw() const { return txn_; }

 protected:
  explicit Txn(MDB_txn* txn) : txn_(txn) {}
  ~Txn() = default;
  MDB_txn* txn_;
  std::uint64_t* changes_ = nullptr;  // of a WriteTxn: counted by its cursors too

  friend class Cursor;
};

// REQUIRES: used by one thread at a time; may move between threads.
class ReadTxn : public Txn {
 public:
  ReadTxn(ReadTxn&& other) noexcept;
  ReadTxn& operator=(ReadTxn&& other) noexcept;
  ~ReadTxn();
  std::uint64_t id() const;  // number of the commit it sees

 private:
  friend class Environment;
  ReadTxn(Environment& environment, MDB_txn* txn)
      : Txn(txn), environment_(&environment), owner_(environment.weak_from_this().lock()) {}
  void end();
  Environment* environment_;
  std::shared_ptr<Environment> owner_;  // shared with all who use it; null when it has one owner
};

// Aborts unless committed. REQUIRES: begun, used and ended by one thread. After any failed change
// only the destructor may follow.
class WriteTxn : public Txn {
 public:
  WriteTxn(WriteTxn&& other) noexcept;
  WriteTxn& operator=(WriteTxn&&) = delete;
  ~WriteTxn();

  Result<> put(Table table, std::string_view key, std::string_view value);
  Result<bool> remove(Table table, std::string_view key);  // false: was not there
  Result<> clear(Table table);
  // The transaction has ended whatever the result; on failure nothing was changed.
  Result<> commit();
  // By how many pages the file grows at most when it is committed now.
  std::uint64_t growth_max() const;

 private:
  friend class Environment;
  explicit WriteTxn(MDB_txn* txn);
  std::unique_ptr<std::uint64_t> counter_;  // on the heap: cursors point at it
};

// A position in one table. REQUIRES: destroyed before its transaction ends. key() and value() are
// valid after a call that returned true, until the next change of the transaction.
class Cursor {
 public:
  static Result<Cursor> open(const Txn& txn, Table table);
  Cursor(Cursor&& other) noexcept;
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  Result<bool> first();
  Result<bool> last();
  Result<bool> seek(std::string_view key);         // first key not below `key`
  Result<bool> seek_before(std::string_view key);  // last key not above `key`
  Result<bool> next();
  Result<bool> previous();
  // REQUIRES: positioned, in a WriteTxn. next() then goes to the entry behind the removed one.
  Result<> remove();

  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

 private:
  Cursor(MDB_cursor* cursor, std::uint64_t* changes) : cursor_(cursor), changes_(changes) {}
  Result<bool> move(int operation, std::string_view seek_key);
  MDB_cursor* cursor_;      // null: of a table that is absent
  std::uint64_t* changes_;  // of its WriteTxn; null in a ReadTxn
  std::string_view key_;
  std::string_view value_;
};

}  // namespace hauspost::store
