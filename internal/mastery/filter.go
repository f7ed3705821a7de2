package mastery

// Filter learns shared parameters along one stream of answers, in its order: how
// a model without a fit gets by. It changes its model with every answer, so it is
// for a stream that is read once; a deployment keeps its parameters frozen between
// versions instead, so that learners can be folded independently.
type Filter struct {
	covariance [NumFeatures][NumFeatures]float64 // of the weights
}

// NewFilter returns a filter that is as sure of the default weights as Fit is.
func NewFilter() *Filter {
	f := &Filter{}
	for i, precision := range weightPrecision {
		f.covariance[i][i] = 1 / precision
	}
	return f
}

// Learn moves the difficulties of the item and of its topics, and the weights, by
// the filter that moves learners, after an Update that returned the step:
//
//	b -= vb·r/d    vb -= vb²h/d    c -= w·vc·r/d    vc -= w²vc²h/d
//	B += Σx·r/e    Σ -= Σx·xᵀΣ·h/e                  e = d + h·xᵀΣx
func (f *Filter) Learn(m *Model, item int, st Step) {
	gain, loss := st.R/st.D, st.H/st.D
	it := &m.Items[item]
	it.B -= float64(it.VB * gain)
	it.VB -= float64(it.VB * it.VB * loss)
	for _, tag := range it.Tags {
		t, w := &m.Topics[tag.Topic], tag.Weight
		t.C -= float64(w * t.VC * gain)
		t.VC -= float64(w * w * t.VC * t.VC * loss)
	}
	f.weigh(&m.Weights, st)
}

func (f *Filter) weigh(weights *[NumFeatures]float64, st Step) {
	var sx [NumFeatures]float64 // Σx
	variance := 0.0
	for i := range sx {
		for j, x := range st.X {
			sx[i] += float64(f.covariance[i][j] * x)
		}
		variance += float64(st.X[i] * sx[i])
	}
	e := st.D + float64(st.H*variance)
	for i := range sx {
		weights[i] += float64(sx[i] * st.R / e)
		for j := range sx {
			f.covariance[i][j] -= float64(sx[i] * sx[j] * st.H / e)
		}
	}
}
