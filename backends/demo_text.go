package backends

import (
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

const (
	// demoTokens is about how long an answer is when the request sets no limit.
	demoTokens = 80
	// demoLimit is the largest limit that is taken as the length wanted. Above
	// it a request only means to set no bound, as chat windows do.
	demoLimit = 1024
)

const demoOpening = "This answer is simulated: Carpool's demo engine wrote it, and no language model is running."

// demoSentences follow the opening in an order that the request decides.
var demoSentences = []string{
	"A graphics card works much like a car with empty seats: a second passenger costs almost nothing.",
	"Four people in four cars need four times the road that four people in one car need.",
	"When one request runs alone, most of the card waits for its own memory.",
	"When eight requests run together, the weights are read once for all eight.",
	"A queue is only fair when everybody can see why they wait.",
	"A short question should not have to stand behind a long report.",
	"The best queue is the one you never notice.",
	"A bus that leaves half empty has not saved much time for anybody.",
	"A bus that waits too long for the last passenger has lost the patience of all the others.",
	"The trick is to leave at once when the road is free, and to share when it is not.",
	"Somebody asks for a summary, somebody else for a translation, and both ride in the same step.",
	"Embedding a thousand short notes is a job for one long ride, not for a thousand small ones.",
	"The chat in the window comes first, the batch job in the background takes the seats that are left.",
	"A passenger who gets off early leaves a free seat behind, and the next one takes it.",
	"Switching from one model to another is like changing the engine of the car: better not at every corner.",
	"Memory is the size of the boot, and long conversations bring a lot of luggage.",
	"If the luggage does not fit, somebody has to wait for the next car.",
	"Nobody likes a driver who lets in more people than there are seats.",
	"Measure first, then decide, and say why.",
	"Twice the passengers at nearly the same speed is a good bargain.",
	"The first word should come quickly; the rest may then flow at the pace of reading.",
	"A fair driver remembers who has waited longest.",
	"Two apps that ask the same question can share the work of reading it.",
	"The road is wide enough for all of us if we do not each bring a car of our own.",
	"As soon as a real engine is running, real answers take the place of these lines.",
	"Start Ollama, load a model, and this text will make room for it.",
	"Until then you can watch the chart, move the sliders and see what a larger batch does.",
	"The figures in the window are honest about this: they are marked as simulated.",
	"Sharing is faster here, and it is more sociable too.",
	"Full cars, short queues, happy passengers.",
}

// demoText returns the tokens of an answer: exactly limit of them if limit is
// between 1 and demoLimit, else whole sentences of about demoTokens. cut tells
// which of the two ended it.
func demoText(seed uint64, limit int) (tokens []string, cut bool) {
	cut = limit >= 1 && limit <= demoLimit
	want := demoTokens - 10
	if cut {
		want = limit
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	var order []int
	for sentence := demoOpening; ; sentence = demoSentences[order[0]] {
		tokens = append(tokens, split(sentence, len(tokens) > 0)...)
		if len(tokens) >= want {
			break
		}
		if len(order) > 0 {
			order = order[1:]
		}
		if len(order) == 0 {
			order = rng.Perm(len(demoSentences))
		}
	}
	if cut {
		tokens = tokens[:limit]
	}
	return tokens, cut
}

// split cuts a sentence into words that carry the space before them.
func split(sentence string, follows bool) []string {
	words := strings.SplitAfter(sentence, " ")
	for i := range words {
		words[i] = strings.TrimSuffix(words[i], " ")
		if i > 0 || follows {
			words[i] = " " + words[i]
		}
	}
	return words
}

// demoHash turns text into a seed.
func demoHash(seed uint64, text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // a hash never fails
	return h.Sum64() ^ seed
}

// demoVector is a stand-in for an embedding: words hashed into the dimensions,
// of length 1. Texts with common words are near each other; nothing is learned.
func demoVector(text string, dimensions int) []float32 {
	v := make([]float32, dimensions)
	for _, word := range strings.Fields(strings.ToLower(text)) {
		h := demoHash(0, word)
		sign := float32(1)
		if h&1 == 1 {
			sign = -1
		}
		v[(h>>1)%uint64(dimensions)] += sign
	}
	return normalize(v)
}
