// Walks over large folders, and how long they take to open.
#include <fmt/format.h>

#include "base/signal.h"
#include "protocols/imap/fetch_writer.h"
#include "protocols/imap/mailbox_view.h"
#include "tests/bench/store/measure.h"

namespace hauspost::bench {

namespace {

using imap::FetchAttribute;
using imap::FetchItem;

constexpr int kRounds = 5;

Task<void> fill(store::Database& database, store::FolderId& folder, std::size_t count,
                std::size_t bytes) {
  const auto mailbox = co_await database.open_mailbox({}, numbered(2, 1), "reader");
  if (!mailbox) give_up(mailbox.error().text);
  folder = database.snapshot().find_folder(*mailbox, "INBOX")->id;
  for (std::size_t i = 0; i < count;) {
    std::vector<store::NewMessage> messages(1000);
    for (store::NewMessage& message : messages) {
      message.body = std::make_shared<const std::string>(bytes == 0 ? std::string("x")
                                                                    : make_message(bytes, i));
      message.flags = ++i == count ? 0 : store::kSeen;  // the first unseen one is the last
    }
    if (!co_await database.append({}, folder, std::move(messages))) give_up("append failed");
  }
}

struct Best {
  double ms = 1e9;
  void take(Steady::time_point start) { ms = std::min(ms, seconds_since(start) * 1e3); }
};

double fetch_all(store::Database& database, store::FolderId id,
                 const std::vector<FetchItem>& items) {
  Best best;
  for (int i = 0; i < kRounds; ++i) {
    imap::FetchWriter writer(items);
    imap::FetchOutput out;
    std::uint32_t sequence = 0;
    const auto start = Steady::now();
    const store::Snapshot snapshot = database.snapshot();
    const auto folder = snapshot.folder(id);
    snapshot.for_each_message(id, {1, UINT32_MAX}, [&](const store::Message& message) {
      if (!writer.write(snapshot, *folder, message, ++sequence, false, out))
        give_up("a message cannot be read");
      if (out.bytes() > 256 * 1024) out.clear();
      return true;
    });
    best.take(start);
  }
  return best.ms;
}

FetchItem attribute(FetchAttribute of) {
  FetchItem item;
  item.attribute = of;
  return item;
}

FetchItem fields(std::vector<std::string> names) {
  FetchItem item = attribute(FetchAttribute::kSection);
  item.section.text = mime::SectionText::kHeaderFields;
  item.section.fields = std::move(names);
  item.peek = true;
  return item;
}

void print_fetch(store::Database& database, store::FolderId folder, std::string_view what,
                 const std::vector<FetchItem>& items) {
  fmt::print("{:<44} {:>8.1f} ms\n", what, fetch_all(database, folder, items));
}

}  // namespace

void measure_reading(const std::string& folder_path) {
  constexpr std::size_t kMessages = 100'000;
  const auto database = open_database(options_for(folder_path));
  store::FolderId folder;
  run([&](Executor) { return fill(*database, folder, kMessages, 4096); });
  std::uint64_t sum = 0;
  Best best;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = Steady::now();
    database->snapshot().for_each_message(folder, {1, UINT32_MAX}, [&](const store::Message& m) {
      sum += m.flags + m.uid.value;
      return true;
    });
    best.take(start);
  }
  fmt::print("{} messages of 4 KiB, best of {} walks (checksum {}):\n", kMessages, kRounds, sum);
  fmt::print("{:<44} {:>8.1f} ms\n", "UID and FLAGS, store alone", best.ms);
  print_fetch(*database, folder, "FETCH (UID FLAGS), as text",
              {attribute(FetchAttribute::kUid), attribute(FetchAttribute::kFlags)});
  print_fetch(*database, folder, "FETCH (ENVELOPE)", {attribute(FetchAttribute::kEnvelope)});
  print_fetch(*database, folder, "FETCH (ENVELOPE BODYSTRUCTURE RFC822.SIZE)",
              {attribute(FetchAttribute::kEnvelope), attribute(FetchAttribute::kBodyStructure),
               attribute(FetchAttribute::kRfc822Size)});
  print_fetch(
      *database, folder, "FETCH (header fields as Thunderbird asks)",
      {fields({"From", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "Priority", "X-Priority",
               "References", "Newsgroups", "In-Reply-To", "Content-Type", "Reply-To"})});
  constexpr int kSnapshots = 1'000'000;
  const auto start = Steady::now();
  for (int i = 0; i < kSnapshots; ++i)
    sum += database->snapshot().message(folder, store::Uid(5)) ? 1 : 0;
  fmt::print("{:<44} {:>8.2f} us\n", "a snapshot and one message of it",
             seconds_since(start) * 1e6 / kSnapshots);
}

void measure_opening(const std::string& folder_path) {
  constexpr std::size_t kMessages = 1'000'000;
  const auto database = open_database(options_for(folder_path));
  store::FolderId folder;
  run([&](Executor) { return fill(*database, folder, kMessages, 0); });
  asio::io_context io;
  Best best;
  Best unseen;
  const double before_mib = memory().anonymous_mib;
  double view_mib = 0;
  for (int i = 0; i < kRounds; ++i) {
    Signal signal;
    const auto start = Steady::now();
    imap::MailboxView view(*database, folder, false, {}, io.get_executor(), signal);
    if (!view.open() || view.size() != kMessages) give_up("the folder does not open");
    best.take(start);
    view_mib = memory().anonymous_mib - before_mib;
    const auto search = Steady::now();
    if (database->snapshot().first_lacking(folder, store::kSeen) != store::Uid(kMessages))
      give_up("wrong message");
    unseen.take(search);
  }
  fmt::print(
      "a folder of {} messages opens in {:.1f} ms (and {:.1f} ms until its first unseen message, "
      "the "
      "last, is found); its view holds {:.1f} MiB\n",
      kMessages, best.ms, unseen.ms, view_mib);
}

}  // namespace hauspost::bench
