// MapResolver: a Resolver that answers from maps, for tests. What is in none of them is kNoName;
// a name that is known by another kind of record is kNoData.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/network.h"
#include "base/text.h"
#include "transport/dns/resolver.h"

namespace hauspost::dns::test {

class MapResolver final : public Resolver {
 public:
  // Names in lower case.
  std::map<std::string, std::vector<Mx>> mx_records;
  std::map<std::string, std::vector<std::string>> a_records;
  std::map<std::string, std::vector<std::string>> aaaa_records;
  std::map<std::string, std::vector<std::string>> txt_records;
  std::map<std::string, std::vector<Tlsa>> tlsa_records;
  std::map<std::string, std::vector<std::string>> ptr_records;  // by address
  std::map<std::string, std::string> aliases;                   // CNAME
  std::set<std::string> names;           // further names that exist without a record
  std::set<std::string> broken;          // every question about them is kTemporary
  std::set<std::string> broken_of;       // "TLSA _25._tcp.x": that question is kTemporary
  std::set<std::string> unsigned_names;  // not authentic although `authentic` is
  bool authentic = false;
  std::vector<std::string> asked;  // "MX example.org", in order

  Task<Answer<Mx>> mx(std::string name) override { co_return look("MX", mx_records, name); }
  Task<Answer<std::string>> a(std::string name) override { co_return look("A", a_records, name); }
  Task<Answer<std::string>> aaaa(std::string name) override {
    co_return look("AAAA", aaaa_records, name);
  }
  Task<Answer<std::string>> txt(std::string name) override {
    co_return look("TXT", txt_records, name);
  }
  Task<Answer<Tlsa>> tlsa(std::string name) override { co_return look("TLSA", tlsa_records, name); }
  Task<Answer<std::string>> ptr(std::string address) override {
    co_return look("PTR", ptr_records, address);
  }

 private:
  bool exists(const std::string& name) const {
    return mx_records.contains(name) || a_records.contains(name) || aaaa_records.contains(name) ||
           txt_records.contains(name) || tlsa_records.contains(name) || names.contains(name);
  }
  template <class Record>
  Answer<Record> look(const std::string& type,
                      const std::map<std::string, std::vector<Record>>& records,
                      const std::string& asked_name) {
    Answer<Record> answer;
    std::string name = ascii_lower(asked_name);
    asked.push_back(type + " " + name);
    answer.ttl = Seconds(300);
    answer.authentic = authentic && !unsigned_names.contains(name);
    if (broken_of.contains(type + " " + name)) return answer;
    for (int i = 0; i < 8 && aliases.contains(name); ++i) {
      name = aliases.at(name);
      answer.canonical = name;
      answer.authentic = answer.authentic && !unsigned_names.contains(name);
    }
    if (broken.contains(name)) return answer;
    const auto found = records.find(name);
    if (found != records.end()) {
      answer.outcome = Outcome::kFound;
      answer.records = found->second;
    } else {
      answer.outcome = exists(name) ? Outcome::kNoData : Outcome::kNoName;
    }
    return answer;
  }
};

}  // namespace hauspost::dns::test
