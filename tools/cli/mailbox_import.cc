#include "tools/cli/mailbox_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/random.h"
#include "tools/cli/csv.h"
#include "tools/cli/password.h"
#include "tools/cli/progress.h"
#include "tools/cli/table.h"

namespace hauspost::cli {

namespace {

// A password takes the server some 40 ms: a call of this size answers within about a second.
constexpr std::size_t kRowsPerCall = 25;
static_assert(kRowsPerCall <= admin::kMailboxesPerCallMax);

struct RowFailure {
  std::size_t line;
  std::string address;
  std::string error;
};

struct Tally {
  Json created = Json::array();
  std::vector<std::pair<std::string, std::string>> generated;  // address, password
  std::vector<RowFailure> failures;
  std::size_t count = 0;
  std::size_t without_password = 0;
};

Outcome<std::vector<MailboxRow>> read_rows(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return refused(errno_error(path));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return refused(ErrorCode::kInternal, fmt::format("{}: cannot be read", path));
  auto records = parse_csv(text);
  if (!records) return refused(std::move(records).error().within(path));
  auto rows = mailbox_rows(*records);
  if (!rows) return refused(std::move(rows).error().within(path));
  return std::move(*rows);
}

void add_to_request(admin::MailboxCreateRequest& request, const MailboxRow& row,
                    const ImportOptions& options) {
  admin::NewMailbox& wanted = *request.add_mailboxes();
  wanted.set_address(row.address);
  wanted.set_display_name(row.display_name);
  wanted.set_database(row.database.empty() ? options.database : row.database);
  for (const std::string& alias : row.aliases) wanted.add_aliases(alias);
  if (!row.password.empty()) {
    wanted.set_password(row.password);
  } else if (options.generate && !options.dry_run) {
    wanted.set_password(random_password(kGeneratedPasswordCharacters));
  }
}

void account(Tally& tally, const MailboxRow& row, const admin::NewMailbox& wanted,
             const admin::MailboxOutcome& outcome) {
  if (!outcome.error().empty()) {
    tally.failures.push_back({row.line, row.address, outcome.error()});
    return;
  }
  ++tally.count;
  Json entry = to_json(outcome.mailbox());
  entry["line"] = row.line;
  if (wanted.password().empty()) ++tally.without_password;
  if (row.password.empty() && !wanted.password().empty()) {
    tally.generated.emplace_back(outcome.mailbox().address(), wanted.password());
    entry["password"] = wanted.password();
  }
  tally.created.push_back(std::move(entry));
}

Outcome<> create_batch(Context& context, const ImportOptions& options,
                       std::span<const MailboxRow> rows, Tally& tally) {
  admin::MailboxCreateRequest request;
  request.set_dry_run(options.dry_run);
  std::vector<const MailboxRow*> sent;
  for (const MailboxRow& row : rows) {
    if (!row.error.empty()) {
      tally.failures.push_back({row.line, row.address, row.error});
      continue;
    }
    add_to_request(request, row, options);
    sent.push_back(&row);
  }
  if (sent.empty()) return {};
  TRY_ASSIGN(const auto reply, context.ask(request));
  if (static_cast<std::size_t>(reply.outcomes_size()) != sent.size()) {
    return refused(ErrorCode::kInternal,
                   "mailbox create: outcomes are missing; see the server's log");
  }
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const int index = static_cast<int>(i);
    account(tally, *sent[i], request.mailboxes(index), reply.outcomes(index));
  }
  return {};
}

void report(const Context& context, const ImportOptions& options, const Tally& tally) {
  Json failures = Json::array();
  for (const RowFailure& failure : tally.failures) {
    failures.push_back(
        {{"line", failure.line}, {"address", failure.address}, {"error", failure.error}});
    fmt::print(stderr, "line {}: {}: {}\n", failure.line, printable(failure.address),
               printable(failure.error));
  }
  context.print({{"file", options.file},
                 {"dry_run", options.dry_run},
                 {"created", tally.created},
                 {"failed", failures}});
  if (!tally.generated.empty()) {
    context.say("address,password");
    for (const auto& [address, password] : tally.generated) {
      context.say(fmt::format("{},{}", csv_field(address), csv_field(password)));
    }
  }
  // Behind the passwords on standard output would be in the way of whoever keeps them in a file.
  fmt::print(stderr, "mailboxes {}: {}, failed: {}, without a password: {}\n",
             options.dry_run ? "that could be created" : "created", tally.count,
             tally.failures.size(), tally.without_password);
}

Outcome<> create_all(Context& context, const ImportOptions& options,
                     std::span<const MailboxRow> rows, Tally& tally) {
  Progress progress(rows.size(), system_clock());
  for (std::size_t at = 0; at < rows.size(); at += kRowsPerCall) {
    const std::size_t count = std::min(kRowsPerCall, rows.size() - at);
    TRY(create_batch(context, options, rows.subspan(at, count), tally));
    progress.update(at + count);
  }
  return {};
}

}  // namespace

Outcome<> import_mailboxes(Context& context, const ImportOptions& options) {
  TRY_ASSIGN(const std::vector<MailboxRow> rows, read_rows(options.file));
  Tally tally;
  const auto done = create_all(context, options, rows, tally);
  report(context, options, tally);
  if (!done) {
    Failure failure = done.error();
    failure.text = fmt::format(
        "{}: stopped after {} of {} lines: {}; run it again: what exists is "
        "refused and stays as it is",
        options.file, tally.count + tally.failures.size(), rows.size(), failure.text);
    return std::unexpected(std::move(failure));
  }
  if (tally.failures.empty()) return {};
  std::string text = fmt::format(
      "{}: {} of {} mailboxes could not be created; correct the lines "
      "above and run it again",
      options.file, tally.failures.size(), rows.size());
  if (tally.count > 0) return partial(std::move(text));
  return refused(ErrorCode::kInvalid, std::move(text));
}

}  // namespace hauspost::cli
