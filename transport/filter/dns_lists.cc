#include "transport/filter/dns_lists.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/task_group.h"
#include "base/text.h"

namespace hauspost::transport {

namespace {

const Network kAnswers = *Network::parse("127.0.0.0/8");

// Replaces %IP and %LIST; what is then too long is cut.
std::string reply_text(const DnsList& list, std::string_view address) {
  std::string text = list.text.empty() ? "%IP is listed by %LIST" : list.text;
  const auto replace = [&](std::string_view word, std::string_view by) {
    for (std::size_t at = text.find(word); at != std::string::npos;
         at = text.find(word, at + by.size()))
      text.replace(at, word.size(), by);
  };
  replace("%IP", address);
  replace("%LIST", list.zone);
  if (text.size() > kDnsListTextMax) text.resize(kDnsListTextMax);
  return text;
}

struct Question {
  const DnsList* list = nullptr;
  std::optional<std::string> code;
  bool answered = false;
};

bool counts(const DnsList& list, const std::string& code) {
  if (list.codes.empty()) return kAnswers.contains(code);
  return std::ranges::any_of(list.codes,
                             [&](const Network& range) { return range.contains(code); });
}

Task<void> ask(dns::Resolver& resolver, std::string name, Question& question, Condition& changed) {
  const auto answer = co_await resolver.a(std::move(name));
  for (const std::string& code : answer.records) {
    if (!answer.found() || !counts(*question.list, code)) continue;
    question.code = code;
    break;
  }
  question.answered = true;
  changed.notify_all();
}

Task<void> ring(Duration timeout, bool& rang, Condition& changed) {
  if (!co_await sleep_for(timeout)) co_return;
  rang = true;
  changed.notify_all();
}

// Whether it is known which question speaks first: nobody before it may still answer.
const Question* first_answer(const std::vector<Question>& questions, bool late, bool& decided) {
  decided = true;
  for (const Question& question : questions) {
    if (question.code) return &question;
    if (!question.answered && !late) {
      decided = false;
      return nullptr;
    }
  }
  return nullptr;
}

}  // namespace

std::string dns_list_name(std::string_view address, std::string_view zone) {
  const std::string text(address);
  std::string name;
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) {
    const auto* octets = reinterpret_cast<const std::uint8_t*>(&four);
    for (int i = 3; i >= 0; --i) name += std::to_string(octets[i]) + ".";
  } else if (::inet_pton(AF_INET6, text.c_str(), &six) == 1) {
    if (IN6_IS_ADDR_V4MAPPED(&six)) {
      for (int i = 15; i >= 12; --i) name += std::to_string(six.s6_addr[i]) + ".";
    } else {
      constexpr char kHex[] = "0123456789abcdef";
      for (int i = 15; i >= 0; --i) {
        name += kHex[six.s6_addr[i] & 15];
        name += '.';
        name += kHex[six.s6_addr[i] >> 4];
        name += '.';
      }
    }
  } else {
    return {};
  }
  return name.append(zone);
}

Task<std::optional<Listed>> ask_dns_lists(dns::Resolver& resolver,
                                          const std::vector<DnsList>& lists, std::string address,
                                          Duration timeout) {
  std::vector<Question> questions;
  for (const DnsList& list : lists)
    if (list.enabled && !dns_list_name(address, list.zone).empty()) questions.push_back({&list});
  if (questions.empty()) co_return std::nullopt;
  std::ranges::sort(questions, {}, [](const Question& q) {
    return std::pair(q.list->priority, std::string_view(q.list->zone));
  });
  const auto executor = co_await asio::this_coro::executor;
  Condition changed(executor);
  TaskGroup tasks(executor);
  bool late = false;
  for (Question& question : questions) {
    tasks.spawn("filter.dns_list",
                ask(resolver, dns_list_name(address, question.list->zone), question, changed));
  }
  tasks.spawn("filter.dns_list_time", ring(timeout, late, changed));
  bool decided = false;
  const Question* first = nullptr;
  for (;;) {
    first = first_answer(questions, late, decided);
    if (decided || !co_await changed.wait()) break;
  }
  tasks.stop();
  co_await tasks.join();
  if (first == nullptr) co_return std::nullopt;
  co_return Listed{first->list->zone, *first->code, reply_text(*first->list, address)};
}

}  // namespace hauspost::transport
