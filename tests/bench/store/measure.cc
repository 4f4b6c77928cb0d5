#include "tests/bench/store/measure.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/task_group.h"
#include "store/mime/message.h"

namespace hauspost::bench {

double seconds_since(Steady::time_point start) {
  return std::chrono::duration<double>(Steady::now() - start).count();
}

double cpu_s() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Memory memory() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  Memory memory;
  for (std::string line; std::getline(rollup, line);) {
    const auto mib = [&] { return std::stod(line.substr(line.find(':') + 1)) / 1024; };
    if (line.starts_with("Private_")) memory.private_mib += mib();
    if (line.starts_with("Anonymous:")) memory.anonymous_mib = mib();
  }
  return memory;
}

void give_up(std::string_view why) {
  fmt::print(stderr, "bench_store: {}\n", why);
  ::_exit(1);
}

void run(const std::function<Task<void>(Executor)>& task) {
  asio::io_context io;
  TaskGroup tasks(io.get_executor());
  tasks.spawn("bench", task(io.get_executor()));
  io.run();
}

Guid numbered(std::uint64_t kind, std::uint64_t number) {
  Guid guid;
  std::memcpy(guid.bytes.data(), &kind, 8);
  std::memcpy(guid.bytes.data() + 8, &number, 8);
  return guid;
}

std::string make_message(std::size_t bytes, std::uint64_t number) {
  std::string message = fmt::format(
      "Return-Path: <sender{0}@example.net>\r\n"
      "Received: from mx.example.net (mx.example.net [192.0.2.7])\r\n"
      "\tby mail.example.org with ESMTPS id 4c1f{0:016x};\r\n"
      "\tSat, 21 Nov 2026 22:30:00 +0000\r\n"
      "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=mail;\r\n"
      "\th=from:to:subject:date; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n"
      "\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR\r\n"
      "From: \"Sender Number {0}\" <sender{0}@example.net>\r\n"
      "To: \"Recipient\" <recipient@example.org>, Other <other@example.org>\r\n"
      "Cc: team@example.org\r\n"
      "Subject: Message {0}: minutes of the meeting\r\n"
      "Date: Sat, 21 Nov 2026 22:30:00 +0000\r\n"
      "Message-ID: <{0:x}.4711@example.net>\r\n"
      "In-Reply-To: <{0:x}.4710@example.net>\r\n"
      "References: <{0:x}.4709@example.net> <{0:x}.4710@example.net>\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n"
      "User-Agent: Example/1.0\r\n"
      "List-Id: <team.example.org>\r\n\r\n",
      number);
  while (message.size() < bytes)
    message += "The quick brown fox jumps over the lazy dog, and the dog lets it.\r\n";
  message.resize(std::max(message.size(), bytes));
  return message;
}

store::OpenOptions options_for(const std::string& folder) {
  store::OpenOptions options;
  options.path = folder;
  options.guid = numbered(9, 9);
  options.create = true;
  options.summarize = mime::make_summary;
  return options;
}

std::unique_ptr<store::Database> open_database(store::OpenOptions options) {
  auto database = store::Database::open(std::move(options));
  if (!database) give_up(database.error().text);
  return *std::move(database);
}

}  // namespace hauspost::bench
