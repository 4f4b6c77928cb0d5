// POP3 sessions on a real database in a temporary folder, driven by transcripts.
#pragma once

#include <memory>
#include <string>

#include "base/memory_stream.h"
#include "base/task_group.h"
#include "protocols/pop3/session.h"
#include "tests/unit/temp_folder.h"

namespace hauspost::pop3::test {

// One database and its mailbox.
class Rig {
 public:
  Rig();
  ~Rig();

  // Into the inbox, octet for octet; returns the UID.
  std::uint32_t append(std::string message);
  // `count` messages "Subject: message N".
  void fill(int count);
  store::Folder inbox();
  std::size_t messages() { return inbox().messages; }
  template <class T>
  T wait_for(Task<T> task);
  void run_until(const std::function<bool()>& condition);

  hauspost::test::TempFolder folder;
  asio::io_context io;
  std::unique_ptr<store::Database> database;
  Guid mailbox = Guid::random();
  Limits limits;
  SortOrder order = SortOrder::kOldestFirst;
};

// A client logged in to the rig's mailbox. Its first line is the answer to its login.
class Client {
 public:
  explicit Client(Rig& rig);
  ~Client();

  // Lines: "C: text" is sent with CRLF ("|" in it is CRLF too); "S: text" is the next line that
  // must come, "..." at its end stands for anything.
  void talk(std::string_view transcript);
  void send(std::string_view bytes);
  std::string next_line();
  // Octets up to and with "CRLF . CRLF", behind the status line which it checks to be +OK.
  std::string multi_line(std::string_view command);
  // The message behind them: what a client makes of them.
  std::string message(std::string_view command);
  void hang_up() { mine_->close(); }
  // Waits until the session has ended.
  SessionEnd end();

 private:
  static Task<void> host(Stream& stream, const link::SessionStart& start, const Services& services,
                         std::optional<SessionEnd>& end);
  static Task<void> listen(Stream& stream, std::string& heard, bool& closed);

  Rig& rig_;
  link::SessionStart start_;
  Services services_;
  std::unique_ptr<MemoryStream> mine_;
  std::unique_ptr<MemoryStream> theirs_;
  std::string heard_;
  bool closed_ = false;
  std::optional<SessionEnd> end_;
  TaskGroup tasks_;
};

template <class T>
Task<void> keep_result(Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}

template <class T>
T Rig::wait_for(Task<T> task) {
  std::optional<T> result;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("test", keep_result(std::move(task), result));
  run_until([&] { return tasks.size() == 0; });
  return std::move(*result);
}

}  // namespace hauspost::pop3::test
