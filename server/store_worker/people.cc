#include "server/store_worker/people.h"

#include "base/log.h"
#include "base/text.h"

namespace hauspost::store_worker {

namespace {

template <class T>
T value_or_logged(Result<T> result) {
  if (result) return *std::move(result);
  log::warning("directory.unreadable", {{"cause", result.error()}});
  return T{};
}

}  // namespace

std::optional<imap::Person> DirectoryPeople::here(
    const Result<std::optional<directory::MailboxEntry>>& found) const {
  const auto entry = value_or_logged(found);
  // Who logs in as "user/mailbox" is not named so.
  if (!entry || entry->opens || !iequals(entry->database, database_)) return std::nullopt;
  return imap::Person{entry->guid, entry->address};
}

std::optional<imap::Person> DirectoryPeople::named(std::string_view address) const {
  const auto found = directory_.find_login(address);
  // Nobody shares anything with a mailbox of the server's own, nor learns that it is there.
  if (found && *found && (*found)->system) return std::nullopt;
  return here(found);
}

std::optional<imap::Person> DirectoryPeople::person(const Guid& mailbox) const {
  return here(directory_.mailbox(mailbox));
}

std::vector<imap::Person> DirectoryPeople::full_access_of(const Guid& user) const {
  std::vector<imap::Person> people;
  for (const Guid& mailbox : value_or_logged(directory_.full_access_of(user))) {
    if (auto one = person(mailbox)) people.push_back(*std::move(one));
  }
  return people;
}

bool DirectoryPeople::has_full_access(const Guid& user, const Guid& mailbox) const {
  return value_or_logged(directory_.has_full_access(user, mailbox));
}

bool DirectoryPeople::may_be_read(const Guid& mailbox) const {
  const auto entry = value_or_logged(directory_.mailbox(mailbox));
  return entry && !entry->protocol_restricted;
}

}  // namespace hauspost::store_worker
