// Go net/http with goquery, on as many cores as there are. MODE PAGES CONCURRENCY BASE OUT
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/PuerkitoBio/goquery"
)

type item struct {
	Title   string `json:"title"`
	URL     string `json:"url"`
	Address string `json:"address"`
	Price   string `json:"price"`
}

type scraper struct {
	client *http.Client
	lock   sync.Mutex
	out    *bufio.Writer
	pages  int
	items  int
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// take reads one page and gives the next link.
func (s *scraper) take(address string) string {
	response, err := s.client.Get(address)
	check(err)
	document, err := goquery.NewDocumentFromReader(response.Body)
	check(err)
	check(response.Body.Close())
	base, err := url.Parse(address)
	check(err)
	join := func(href string) string {
		joined, err := base.Parse(href)
		check(err)
		return joined.String()
	}
	var lines [][]byte
	document.Find("li.resultItem").Each(func(_ int, card *goquery.Selection) {
		link := card.Find("h3.resultItem-name a")
		href, _ := link.Attr("href")
		line, err := json.Marshal(item{
			Title:   strings.TrimSpace(link.Text()),
			URL:     join(href),
			Address: strings.TrimSpace(card.Find("div.resultItem-address").Text()),
			Price:   strings.TrimSpace(card.Find("div.resultItem-price .price").Text()),
		})
		check(err)
		lines = append(lines, line)
	})
	s.lock.Lock()
	defer s.lock.Unlock()
	s.pages++
	s.items += len(lines)
	for _, line := range lines {
		s.out.Write(line)
		s.out.WriteByte('\n')
	}
	if href, found := document.Find("div.pagination li.next a").Attr("href"); found {
		return join(href)
	}
	return ""
}

func usage() float64 {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func main() {
	mode, base := os.Args[1], os.Args[4]
	pages, err := strconv.Atoi(os.Args[2])
	check(err)
	concurrency, err := strconv.Atoi(os.Args[3])
	check(err)
	file, err := os.Create(os.Args[5])
	check(err)
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	s := &scraper{client: &http.Client{Transport: transport}, out: bufio.NewWriter(file)}
	started := time.Now()
	before := usage()
	if mode == "seq" {
		for next := base + "/seq/p1.html"; next != "" && s.pages < pages; {
			next = s.take(next)
		}
	} else {
		numbers := make(chan int)
		var workers sync.WaitGroup
		for n := 0; n < concurrency; n++ {
			workers.Add(1)
			go func() {
				defer workers.Done()
				for number := range numbers {
					s.take(fmt.Sprintf("%s/ind/%d.html", base, number))
				}
			}()
		}
		for number := 1; number <= pages; number++ {
			numbers <- number
		}
		close(numbers)
		workers.Wait()
	}
	check(s.out.Flush())
	after := usage()
	told := map[string]any{
		"pages": s.pages, "items": s.items,
		"seconds": time.Since(started).Seconds(), "cpu": after - before,
	}
	check(json.NewEncoder(os.Stdout).Encode(told))
}
